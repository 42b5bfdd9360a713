#include "bench/bench.h"
#include "core/error.h"
#include "core/threads.h"
#include "kernels/cases.h"

#include <algorithm>

namespace puna {

namespace {

bool is_product(std::string_view kernel) { return kernel.starts_with("matmul") || kernel.starts_with("attention"); }

// "f32 [8, 4] x bf16 [3, 4]": bf16
std::string type_of(const KernelCase& c) {
    size_t product = c.detail.find(" x ");
    std::string type = product == c.detail.npos ? c.detail : c.detail.substr(product + 3);
    return type.substr(0, type.find(' '));
}

// Times one case in the unit of its bound: GFLOP/s for matrix products and attention, GB/s of memory traffic otherwise.
BenchRow bench_case(const KernelCase& c, const Kernels& kernels, int64_t repetitions) {
    bool product = is_product(c.kernel);
    std::string type = type_of(c);
    auto limit = [&] {
        return product ? measure_peak(kernels, type == "bf16" ? Dtype::bf16 : Dtype::f32) : measure_read(kernels);
    };
    c.run(kernels);
    Measured m = measure(repetitions, limit, [&] {
        double start = seconds_now();
        int64_t runs = 0;
        while (runs == 0 || seconds_now() - start < 0.05) c.run(kernels), ++runs;
        double seconds = (seconds_now() - start) / static_cast<double>(runs);
        return (product ? c.operations : c.bytes) / seconds / 1e9;
    });
    return measured_row("kernels", c.kernel + " " + c.detail, type, product ? "GFLOP/s" : "GB/s", m);
}

}  // namespace

std::vector<BenchRow> bench_kernels(const BenchOptions& options) {
    // Products of a small model's training sizes; other kernels run on tensors larger than any cache.
    CaseSizes products{.tokens = 1025, .dim = 512, .out = 1408, .heads = 8, .kv_heads = 4, .head_dim = 64};
    CaseSizes memory_bound{
        .tokens = 8192, .dim = 2048, .heads = 32, .kv_heads = 8, .head_dim = 64, .ffn = 2048, .vocabulary = 2048};
    std::vector<BenchRow> rows;
    for (bool product : {true, false}) {
        Arena memory(choose_kernels());
        auto selected = [&](std::string_view kernel) {
            return is_product(kernel) == product && kernel.find(options.op) != kernel.npos;
        };
        for (const KernelCase& c : kernel_cases(product ? products : memory_bound, memory, selected))
            rows.push_back(bench_case(c, choose_kernels(), options.repetitions));
    }
    if (rows.empty())
        fail_field("op", "must be a part of a kernel's name, not '{}': puna check lists them", printable(options.op));
    return rows;
}

}  // namespace puna
