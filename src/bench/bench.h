// bench/bench.h — how fast, as a share of what this machine can do, measured beside every repetition.
//
//   for (const BenchRow& row : bench_train({})) fmt::print("{}: {:.3f}\n", row.shape, row.share);
//
// What beats a peak is the peak from then on: a share is never above 1.
#pragma once
#include "kernels/peaks.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace puna {

struct BenchRow {
    std::string bench, shape, type;  // type: of the numbers, "bf16": a product's by its weights
    std::string kernels;             // the table, with its extensions: "avx2", "avx512 with vnni, bf16"
    int threads = 0;
    double value = 0;  // in `unit`: the median of the repetitions
    std::string unit;
    double limit = 0;  // the machine's figure that bounds it, in the same unit
    double share = 0;  // median of value / limit, each pair measured together; 0 where nothing bounds it
};

struct BenchOptions {
    int64_t repetitions = 5;
    std::string op;               // kernels: only those whose name contains it
    std::string text, tokenizer;  // tokenizer, pack: a file or folder, and what to encode it with; neither is empty
};
template <class F>
void fields(BenchOptions& o, F field) {
    field("repetitions", o.repetitions, "how often each row is measured; the median counts");
    field("op", o.op, "kernels: only those whose name contains this");
    field("text", o.text, "tokenizer, pack: the file, or folder of files, to encode");
    field("tokenizer", o.tokenizer, "tokenizer, pack: a model, tokenizer.json or tokenizer.model");
}

std::vector<BenchRow> bench_machine(const BenchOptions& options);
std::vector<BenchRow> bench_kernels(const BenchOptions& options);
std::vector<BenchRow> bench_train(const BenchOptions& options);
std::vector<BenchRow> bench_tokenizer(const BenchOptions& options);
std::vector<BenchRow> bench_pack(const BenchOptions& options);

// Shared by the rows. `value` runs once and returns how fast that was, `limit` which of the machine's figures bounds
// it: the better of those just before and just after the run. A run is measured again, up to five times in all, where
// those two differ by more than a tenth, or where it beats them by more: another process disturbed it. What still beats
// the figure takes its place.
struct Measured {
    double value, limit, share;  // medians of the repetitions
};
Measured measure(int64_t repetitions, const std::function<double(const MachinePeaks&)>& limit,
                 const std::function<double()>& value);

// A row of what was measured with choose_kernels() on all threads of the pool.
BenchRow measured_row(std::string bench, std::string shape, std::string type, std::string unit, const Measured& m);

double seconds_now();

}  // namespace puna
