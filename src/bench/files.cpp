// How fast weights are quantized: a row of `puna bench files`.
#include "bench/bench.h"

#include "core/progress.h"
#include "core/random.h"
#include "kernels/arena.h"
#include "model/quantization_mix.h"
#include "model/quantize.h"

namespace puna {

namespace {

// Of the mix, the weights of a layer whose values and down matrices get more bits, and of one whose do not: they take
// turns.
std::vector<MixedWeight> two_layers(const Config& config) {
    std::vector<MixedWeight> weights;
    for (const MixedWeight& mixed : mix_weights(find_file_type("q4_k_m"), config, false).weights) {
        int64_t layer = mixed.weight.layer;
        if (!mixed.weight.is_vector() && (layer == 0 || layer == config.layers / 8)) weights.push_back(mixed);
    }
    return weights;
}

// A million values, again and again.
Tensor random_f16(const Kernels& kernels, Arena& memory, int64_t count) {
    constexpr int64_t piece = 1 << 20;
    std::vector<float> values(piece);
    Random random(5);
    for (float& value : values) value = 0.02f * random.normal();
    Tensor x = memory.tensor(Dtype::f16, {count}), floats = memory.tensor(Dtype::f32, {piece});
    kernels.copy({}, floats.data, values.data(), values.size() * sizeof(float));
    for (int64_t first = 0; first < count; first += piece) {
        int64_t n = std::min(piece, count - first);
        kernels.convert({}, x.slice(first, n), floats.slice(0, n));
    }
    return x;
}

}  // namespace

BenchRow bench_quantize(const BenchOptions& options) {
    const Kernels& kernels = choose_kernels();
    std::vector<MixedWeight> weights = two_layers(config_of_shape(options.shape));
    int64_t largest = 0, count = 0;
    for (const MixedWeight& mixed : weights) {
        largest = std::max(largest, mixed.weight.count());
        count += mixed.weight.count();
    }
    Arena memory(kernels);
    Tensor x = random_f16(kernels, memory, largest), out = memory.tensor(Dtype::f16, {largest});
    Measured speed = measure(
        options.repetitions, [&] { return measure_read(kernels) * 1e3 / sizeof(f16); },
        [&] {
            double start = seconds_now();
            for (const auto& [weight, dtype, wanted] : weights) {
                std::vector<int64_t> shape = weight.shape();
                quantize_weight(kernels, weight.gguf, Tensor(out.data, dtype, shape), Tensor(x.data, x.dtype, shape),
                                {});
            }
            return static_cast<double>(count) / (seconds_now() - start) / 1e6;
        });
    return measured_row("files", fmt::format("quantize {} M weights from f16", count / 1000000), "q4_k_m", "M/s",
                        speed);
}

}  // namespace puna
