// bench/random_model.h — models for benchmarks: of a given size with random weights, or of a folder.
//
//   BenchModel model = choose_bench_model(kernels, {.shape = ModelShape::b1, .type = Dtype::bf16});
//   Llama llama = make_bench_model(kernels, model);
#pragma once
#include "bench/bench.h"
#include "model/llama.h"
#include "model/load.h"
#include "model/source.h"

#include <memory>
#include <string>
#include <vector>

namespace puna {

// What is known before it is in memory.
struct BenchModel {
    std::string name;  // "1b", "1b with 4 layers", or the folder
    Config config;
    std::optional<Dtype> type;            // of the matrices; none: as stored in the folder
    std::vector<HeldWeight> weights;      // for plan_memory
    std::shared_ptr<ModelSource> source;  // of a folder; null: random weights
};

// Throws Error as open_model, and for more layers than the shape has.
BenchModel choose_bench_model(const Kernels& kernels, const BenchOptions& options);

// Random weights are copies of a pool of random values; each layer has its own memory.
Llama make_bench_model(const Kernels& kernels, const BenchModel& model);

}  // namespace puna
