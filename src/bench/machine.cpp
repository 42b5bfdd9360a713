#include "bench/bench.h"

#include "core/threads.h"

#include <algorithm>

namespace puna {

namespace {

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    size_t n = values.size();
    return n == 0 ? 0 : n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

constexpr int max_attempts = 5;
constexpr double tolerance = 0.1;

bool differ(double a, double b) { return std::min(a, b) < (1 - tolerance) * std::max(a, b); }

struct Figure {
    const char *shape, *type, *unit;
    double MachinePeaks::*value;
};
constexpr Figure figures[] = {{"read", "f32", "GB/s", &MachinePeaks::read_gbs},
                              {"peak", "f32", "GFLOP/s", &MachinePeaks::f32},
                              {"peak", "bf16", "GFLOP/s", &MachinePeaks::bf16},
                              {"peak", "int8", "GOP/s", &MachinePeaks::int8},
                              {"peak", "int4", "GOP/s", &MachinePeaks::int4}};

}  // namespace

Measured measure(int64_t repetitions, const std::function<double()>& limit, const std::function<double()>& value) {
    std::vector<double> values, limits, shares;
    double before = limit();
    for (int64_t i = 0; i < repetitions; ++i) {
        double speed = 0, peak = 0;
        for (int attempt = 0; attempt < max_attempts; ++attempt) {
            speed = value();
            double after = limit();
            peak = std::max(before, after);
            bool disturbed = differ(before, after) || speed > (1 + tolerance) * peak;
            before = after;
            if (!disturbed) break;
        }
        peak = std::max(peak, speed);
        values.push_back(speed);
        limits.push_back(peak);
        shares.push_back(speed / peak);
    }
    return {median(values), median(limits), median(shares)};
}

std::vector<MachinePeaks> repeat_peaks(int64_t repetitions, const std::function<MachinePeaks()>& peaks) {
    std::vector<MachinePeaks> all;
    MachinePeaks before = peaks();
    for (int64_t i = 0; i < repetitions; ++i) {
        MachinePeaks higher = before;
        for (int attempt = 0; attempt < max_attempts; ++attempt) {
            MachinePeaks after = peaks();
            bool disturbed = false;
            for (const Figure& figure : figures) {
                double a = before.*figure.value, b = after.*figure.value;
                higher.*figure.value = std::max(a, b);
                disturbed = disturbed || differ(a, b);
            }
            before = after;
            if (!disturbed) break;
        }
        all.push_back(higher);
    }
    return all;
}

BenchRow measured_row(std::string bench, std::string shape, std::string type, std::string unit, const Measured& m) {
    return {.bench = std::move(bench),
            .shape = std::move(shape),
            .type = std::move(type),
            .kernels = full_name(choose_kernels()),
            .threads = threads(),
            .value = m.value,
            .unit = std::move(unit),
            .limit = m.limit,
            .share = m.share};
}

std::vector<BenchRow> machine_rows(const std::vector<MachinePeaks>& measured) {
    std::vector<BenchRow> rows;
    for (const Figure& figure : figures) {
        std::vector<double> values;
        for (const MachinePeaks& peaks : measured) values.push_back(peaks.*figure.value);
        double value = median(values);
        if (value > 0)
            rows.push_back(measured_row("machine", figure.shape, figure.type, figure.unit, {value, value, 1}));
    }
    return rows;
}

std::vector<BenchRow> bench_machine(const BenchOptions& options) {
    return machine_rows(repeat_peaks(options.repetitions, [] { return measure_peaks(choose_kernels()); }));
}

}  // namespace puna
