#include "bench/bench.h"
#include "core/random.h"
#include "core/threads.h"
#include "model/load.h"
#include "train/optimizer.h"

namespace puna {

namespace {

Config bench_config() {
    Config config;
    config.dim = 512;
    config.layers = 8;
    config.heads = 8;
    config.kv_heads = 4;
    config.head_dim = 64;
    config.ffn = 1408;
    config.vocabulary = 8192;
    return config;
}

constexpr int64_t rows = 4, length = 512;

Batch random_batch(const Config& config) {
    Random random(7);
    Batch batch;
    for (int64_t i = 0; i < rows * length; ++i) {
        batch.tokens.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(config.vocabulary))));
        batch.targets.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(config.vocabulary))));
    }
    for (int64_t r = 0; r < rows; ++r) batch.sequences.push_back({r * length, length});
    batch.chunk = chunks_of(rows, length);
    return batch;
}

}  // namespace

std::vector<BenchRow> bench_train(const BenchOptions& options) {
    Config config = bench_config();
    const Kernels& kernels = choose_kernels();
    Batch batch = random_batch(config);
    std::vector<BenchRow> result;
    for (Dtype type : {Dtype::bf16, Dtype::f32}) {
        Llama llama = seeded_llama(kernels, config, 1, {.dtype = type, .trainable = true});
        Gradients gradients(kernels, gradient_elements(llama), {.chunks_per_pass = rows, .chunks_per_step = rows},
                            &llama.output.weight);
        Optimizer optimizer(llama, {});
        Pass pass(kernels, &gradients);
        auto step = [&] {
            pass.begin(batch);
            llama.loss(pass, llama.forward(pass), 1.0f / static_cast<float>(rows * length));
            pass.backward();
            gradients.advance(rows);
            optimizer.step(llama, gradients.finish(), 1e-4);
        };
        step();
        auto limit = [&] { return measure_peak(kernels, type); };
        Measured m = measure(options.repetitions, limit, [&] {
            double start = seconds_now();
            step();
            return training_operations(config, length) * rows * length / (seconds_now() - start) / 1e9;
        });
        result.push_back(
            measured_row("train", "dim 512, 8 layers, 4 x 512 tokens", std::string(info(type).name), "GFLOP/s", m));
    }
    return result;
}

}  // namespace puna
