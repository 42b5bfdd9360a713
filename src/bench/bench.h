// bench/bench.h — benchmarks as a fraction of this machine's peak, which is measured around every repetition.
//
//   for (const BenchRow& row : bench_train({})) fmt::print("{}: {:.3f}\n", row.shape, row.share);
//
// A result above the measured peak replaces the peak, so that a share never exceeds 1.
#pragma once
#include "core/progress.h"
#include "kernels/peaks.h"
#include "model/shapes.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct BenchRow {
    std::string bench, shape, type;  // type: dtype of the data, for matrix products of the weights, such as "bf16"
    std::string kernels;             // kernel table and its extensions: "avx2", "avx512 with vnni, bf16"
    int threads = 0;
    double value = 0;  // in `unit`: the median of the repetitions
    std::string unit;
    double limit = 0;      // the machine's peak that bounds it, in the same unit
    double share = 0;      // median of value / limit, each pair measured together; 0 if nothing bounds it
    int64_t resident = 0;  // bytes of the process at the end, of benchmarks of models; 0: not measured
};

struct BenchOptions {
    int64_t repetitions = 5;
    std::string op;                     // kernels: substring of the kernel names to run
    std::string text, tokenizer;        // tokenizer, pack: input file or folder, and tokenizer; both required
    ModelShape shape = ModelShape::b1;  // prefill, decode, batch: a model of this size with random weights
    std::string model;                  // or of this folder
    std::optional<Dtype> type;
    int64_t layers = 0, context = 0, sequences = 0;  // 0: the default
};
template <class F>
void fields(BenchOptions& o, F field) {
    field("repetitions", o.repetitions, "number of measurements per row; the median is reported", {.min = 1});
    field("op", o.op, "kernels: run only those whose name contains this", {.word = "NAME", .unset = "all"});
    field("shape", o.shape, "prefill, decode, batch, files: size of a model with random weights");
    field("model", o.model, "prefill, decode, batch: a model, instead of random weights", {.word = "MODEL"});
    field("type", o.type, "prefill, decode, batch: weight dtype",
          {.word = "f32|bf16|f16|q4_0|...", .unset = "bf16, or as stored in the folder"});
    field("layers", o.layers, "prefill, decode, batch: only this many layers", {.min = 0, .unset = "all"});
    field("context", o.context, "prefill: tokens of the prompt; decode, batch: tokens before the new one",
          {.min = 0, .max = 1 << 20, .unset = "512; 128"});
    field("sequences", o.sequences, "prefill, decode, batch: sequences at once",
          {.min = 0, .max = 1 << 16, .unset = "1; batch: 16"});
    field("text", o.text, "tokenizer, pack: text file, or folder of files, to encode", {.word = "PATH"});
    field("tokenizer", o.tokenizer, "tokenizer, pack: model, tokenizer.json or tokenizer.model", {.word = "MODEL"});
}

std::vector<BenchRow> bench_machine(const BenchOptions& options);
std::vector<BenchRow> bench_kernels(const BenchOptions& options);
std::vector<BenchRow> bench_prefill(const BenchOptions& options);
std::vector<BenchRow> bench_decode(const BenchOptions& options);
std::vector<BenchRow> bench_batch(const BenchOptions& options);
std::vector<BenchRow> bench_train(const BenchOptions& options);
std::vector<BenchRow> bench_tokenizer(const BenchOptions& options);
std::vector<BenchRow> bench_pack(const BenchOptions& options);
// Loading a tokenizer.json, and quantizing two layers of the shape; with a model, opening it and converting it to GGUF.
std::vector<BenchRow> bench_files(const BenchOptions& options);

// A row of it: a tokenizer.json of Llama 3's size, in milliseconds on one core.
BenchRow bench_tokenizer_json(const BenchOptions& options);

// Used by the benchmarks of this program's work. `value` runs once and returns its speed; `limit` measures the
// machine's peak that bounds it. The peak is the higher of two measurements, just before and just after the run. If
// these differ by more than a tenth, or the speed exceeds them by more than that, another process interfered: the run
// is repeated, up to five times in all. A speed that still exceeds the peak replaces it.
struct Measured {
    double value, limit, share;  // medians of the repetitions
};
Measured measure(int64_t repetitions, const std::function<double()>& limit, const std::function<double()>& value);

// The machine's peaks, measured `repetitions` times: each is the higher of two measurements in a row. Where one of the
// figures differs between the two by more than a tenth, another process interfered, and the measurement is repeated as
// above.
std::vector<MachinePeaks> repeat_peaks(int64_t repetitions, const std::function<MachinePeaks()>& peaks);

// The medians; none of a figure that is 0, because the kernels have nothing to measure it with.
std::vector<BenchRow> machine_rows(const std::vector<MachinePeaks>& measured);

// A row for a measurement with choose_kernels() on all threads of the pool.
BenchRow measured_row(std::string bench, std::string shape, std::string type, std::string unit, const Measured& m);

}  // namespace puna
