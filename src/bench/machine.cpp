#include "bench/bench.h"

#include "core/threads.h"

#include <algorithm>
#include <chrono>

namespace puna {

double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

namespace {

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    size_t n = values.size();
    return n == 0 ? 0 : n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

}  // namespace

Measured measure(int64_t repetitions, const std::function<double(const MachinePeaks&)>& limit,
                 const std::function<double()>& value) {
    constexpr int attempts = 5;
    std::vector<double> values, limits, shares;
    double before = limit(measure_peaks(choose_kernels()));
    for (int64_t i = 0; i < repetitions; ++i) {
        double speed = 0, bound = 0;
        for (int attempt = 0; attempt < attempts && speed >= bound; ++attempt) {
            speed = value();
            double after = limit(measure_peaks(choose_kernels()));
            bound = std::max(before, after);
            before = after;
        }
        values.push_back(speed);
        limits.push_back(bound);
        shares.push_back(speed / bound);
    }
    return {median(values), median(limits), median(shares)};
}

std::vector<BenchRow> bench_machine(const BenchOptions& options) {
    std::vector<double> read, f32, bf16, int8;
    for (int64_t i = 0; i < options.repetitions; ++i) {
        MachinePeaks peaks = measure_peaks(choose_kernels());
        read.push_back(peaks.read_gbs);
        f32.push_back(peaks.f32);
        bf16.push_back(peaks.bf16);
        int8.push_back(peaks.int8);
    }
    auto row = [](const char* shape, const char* type, const std::vector<double>& values, const char* unit) {
        return BenchRow{"machine", shape, type, threads(), median(values), unit, median(values), 1};
    };
    return {row("read", "f32", read, "GB/s"), row("peak", "f32", f32, "GFLOP/s"), row("peak", "bf16", bf16, "GFLOP/s"),
            row("peak", "int8", int8, "GOP/s")};
}

}  // namespace puna
