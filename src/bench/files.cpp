#include "bench/bench.h"
#include "core/atomic_file.h"
#include "core/folders.h"
#include "core/progress.h"
#include "core/random.h"
#include "kernels/arena.h"
#include "library/convert.h"
#include "library/load.h"
#include "model/load.h"
#include "model/quantization_mix.h"
#include "model/quantize.h"

#include <algorithm>

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

BenchRow quantize_row(const BenchOptions& options) {
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
                                {}, memory);
            }
            return static_cast<double>(count) / (seconds_now() - start) / 1e6;
        });
    return measured_row("files", fmt::format("quantize {} M weights from f16", count / 1000000), "q4_k_m", "M/s",
                        speed);
}

// Until the first step can begin, in milliseconds.
BenchRow open_row(const BenchOptions& options) {
    std::vector<double> times;
    int64_t context = std::min<int64_t>(2048, load_config(options.model).context);
    for (int64_t i = 0; i < options.repetitions; ++i) {
        double start = seconds_now();
        Engine engine = load_engine(options.model, {.context = context});
        times.push_back((seconds_now() - start) * 1e3);
    }
    std::nth_element(times.begin(), times.begin() + options.repetitions / 2, times.end());
    return measured_row("files", "open " + std::filesystem::path(options.model).filename().string(), "", "ms",
                        {times[times.size() / 2], 0, 0});
}

// Beside writing as many bytes of zeros to the same disk.
BenchRow convert_row(const BenchOptions& options) {
    TemporaryFolder folder("puna-bench");
    std::shared_ptr<ModelSource> source = open_model(options.model);
    int64_t bytes = 0;
    auto rate = [&](double start) { return static_cast<double>(bytes) / (seconds_now() - start) / 1e6; };
    auto convert = [&] {
        double start = seconds_now();
        convert_model(*source, folder / "model.gguf", ModelForm::gguf, {.type = Dtype::bf16, .force = true});
        bytes = static_cast<int64_t>(std::filesystem::file_size(folder / "model.gguf"));
        return rate(start);
    };
    auto write_zeros = [&] {
        double start = seconds_now();
        AtomicFile file(folder / "zeros");
        std::string piece(1 << 22, 0);
        for (int64_t left = bytes; left > 0; left -= static_cast<int64_t>(piece.size())) file.write(piece);
        file.commit();
        return rate(start);
    };
    convert();
    return measured_row("files", "convert to GGUF " + std::filesystem::path(options.model).filename().string(), "bf16",
                        "MB/s", measure(options.repetitions, write_zeros, convert));
}

}  // namespace

std::vector<BenchRow> bench_files(const BenchOptions& options) {
    std::vector<BenchRow> rows{bench_tokenizer_json(options), quantize_row(options)};
    if (!options.model.empty()) rows.insert(rows.end(), {open_row(options), convert_row(options)});
    return rows;
}

}  // namespace puna
