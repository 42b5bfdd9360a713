// bench/bench.h — how fast, as a share of what this machine can do, measured beside every repetition.
//
//   for (const BenchRow& row : bench_train({})) ...
//
// A share above 1 says that the measurement is wrong.
#pragma once
#include "kernels/peaks.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace puna {

struct BenchRow {
    std::string bench, shape, type;  // type: of the numbers, "bf16": a product's by its weights
    int threads;
    double value;  // in `unit`: the median of the repetitions
    std::string unit;
    double limit;  // the machine's figure that bounds it, in the same unit
    double share;  // median of value / limit, each pair measured together; 0 where nothing bounds it
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

// Shared by the rows. `value` runs once and says how fast that was, `limit` which of the machine's figures bounds it:
// the better of those just before and just after the run. A run faster than that is made again, up to five times in
// all: something else took the machine while it was measured.
struct Measured {
    double value, limit, share;  // medians of the repetitions
};
Measured measure(int64_t repetitions, const std::function<double(const MachinePeaks&)>& limit,
                 const std::function<double()>& value);

double seconds_now();

}  // namespace puna
