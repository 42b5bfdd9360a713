#include "kernels/peaks.h"

#include "core/aligned_memory.h"
#include "core/progress.h"
#include "core/threads.h"
#include "kernels/arena.h"

#include <algorithm>
#include <cstring>

namespace puna {

namespace {

// The best of several attempts, in 10^9 per second; run() returns its operations or bytes.
template <class Run>
double best_rate(int attempts, Run run) {
    double best = 0;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        double start = seconds_now(), done = run();
        best = std::max(best, done / (seconds_now() - start) / 1e9);
    }
    return best;
}

// Of all threads together; each attempt takes about 4 ms.
double probe_rate(double (*probe)(int64_t rounds)) {
    if (!probe) return 0;
    double start = seconds_now();
    constexpr int64_t trial = 20000;
    probe(trial);
    int64_t rounds =
        std::clamp(static_cast<int64_t>(0.004 / std::max(1e-9, seconds_now() - start) * trial), trial, 100 * trial);
    return best_rate(6, [&] {
        std::vector<double> done(static_cast<size_t>(threads()));
        parallel_for(threads(), [&](int64_t i) { done[static_cast<size_t>(i)] = probe(rounds); });
        double operations = 0;
        for (double d : done) operations += d;
        return operations;
    });
}

// Large enough to be compute-bound; small for the reference kernels.
double matmul_rate(const Kernels& kernels, Dtype type) {
    int64_t n = kernels.name == "scalar" ? 192 : 512 * std::min(4, 1 + threads() / 8);
    Arena memory(kernels);
    Tensor x = memory.zeros({}, Dtype::f32, {n, n}), out = memory.zeros({}, Dtype::f32, {n, n}),
           w = memory.zeros({}, Dtype::f32, {n, n});
    return best_rate(4, [&] {
        kernels.matmul({}, Tensor(out.data, Dtype::f32, {n, n}), Tensor(x.data, Dtype::f32, {n, n}),
                       Tensor(w.data, type, {n, n}));
        return 2.0 * static_cast<double>(n * n * n);
    });
}

}  // namespace

double measure_read(const Kernels& kernels) {
    constexpr size_t count = size_t{64} << 20;  // 256 MiB: past any cache
    static AlignedBytes memory = [] {
        AlignedBytes bytes = allocate_aligned(count * sizeof(float));
        std::memset(bytes.get(), 0, count * sizeof(float));
        return bytes;
    }();
    const float* all = reinterpret_cast<const float*>(memory.get());
    return best_rate(2, [&] {
        parallel_for(static_cast<int64_t>(count), 1 << 18, [&](int64_t first, int64_t last) {
            volatile float sink = kernels.probes.read(all + first, last - first);
            (void)sink;
        });
        return static_cast<double>(count) * sizeof(float);
    });
}

double measure_peak(const Kernels& kernels, Dtype type) {
    bool pairs = type == Dtype::bf16 && kernels.probes.bf16;  // otherwise bf16 weights are widened
    return std::max(probe_rate(pairs ? kernels.probes.bf16 : kernels.probes.f32),
                    matmul_rate(kernels, pairs ? Dtype::bf16 : Dtype::f32));
}

MachinePeaks measure_peaks(const Kernels& kernels) {
    double int8 = probe_rate(kernels.probes.int8), f32 = measure_peak(kernels, Dtype::f32);
    double bf16 = kernels.probes.bf16 ? measure_peak(kernels, Dtype::bf16) : f32;
    return {.read_gbs = measure_read(kernels),
            .f32 = f32,
            .bf16 = bf16,
            .int8 = int8,
            .int4 = std::max(int8, probe_rate(kernels.probes.int4))};
}

}  // namespace puna
