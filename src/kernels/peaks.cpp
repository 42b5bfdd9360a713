#include "kernels/peaks.h"

#include "core/arena.h"
#include "core/threads.h"
#include "kernels/kernels.h"
#include "kernels/probe.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace puna {

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Operations a second of all threads together, in 10^9, over about a twentieth of a second.
double probe_rate(Probe probe) {
    constexpr int64_t rounds = 200000;
    if (probe_operations(probe, 1) == 0) return 0;
    double best = 0;
    for (int attempt = 0; attempt < 4; ++attempt) {
        double start = now();
        double operations = 0;
        int64_t n = threads();
        std::vector<double> done(static_cast<size_t>(n));
        parallel_for(n, [&](int64_t i) { done[static_cast<size_t>(i)] = probe_operations(probe, rounds); });
        for (double d : done) operations += d;
        best = std::max(best, operations / (now() - start) / 1e9);
    }
    return best;
}

// A product large enough that nothing but its operations counts.
double matmul_rate(Dtype type) {
    constexpr int64_t n = 1024;
    static Arena memory;
    static Tensor x = memory.zeros(Dtype::f32, {n, n}), out = memory.zeros(Dtype::f32, {n, n}),
                  w = memory.zeros(Dtype::f32, {n, n});
    Tensor weight(w.data, type, {n, n});
    double best = 0;
    for (int attempt = 0; attempt < 2; ++attempt) {
        double start = now();
        choose_kernels().matmul({}, out, x, weight);
        best = std::max(best, 2.0 * n * n * n / (now() - start) / 1e9);
    }
    return best;
}

double read_rate() {
    constexpr size_t numbers = size_t{64} << 20;  // 256 MiB: past any cache
    static AlignedBytes memory = [] {
        AlignedBytes bytes = allocate_aligned(numbers * sizeof(float));
        std::memset(bytes.get(), 0, numbers * sizeof(float));
        return bytes;
    }();
    std::span<const float> all(reinterpret_cast<const float*>(memory.get()), numbers);
    double best = 0;
    for (int attempt = 0; attempt < 2; ++attempt) {
        double start = now();
        parallel_for(static_cast<int64_t>(numbers), 1 << 18, [&](int64_t first, int64_t last) {
            volatile float sink =
                probe_read(all.subspan(static_cast<size_t>(first), static_cast<size_t>(last - first)));
            (void)sink;
        });
        best = std::max(best, static_cast<double>(numbers) * sizeof(float) / (now() - start) / 1e9);
    }
    return best;
}

}  // namespace

double measure_peak(Dtype type) {
    return std::max(probe_rate(type == Dtype::bf16 ? Probe::bf16 : Probe::f32), matmul_rate(type));
}

MachinePeaks measure_peaks() {
    return {.read_gbs = read_rate(),
            .f32 = measure_peak(Dtype::f32),
            .bf16 = measure_peak(Dtype::bf16),
            .int8 = probe_rate(Probe::int8)};
}

}  // namespace puna
