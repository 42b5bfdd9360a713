#include "bench/random_model.h"

#include "core/progress.h"
#include "core/random.h"
#include "kernels/arena.h"

#include <algorithm>

namespace puna {

namespace {

// Random values of a dtype; matrices are filled from it, each from another place on.
class Pool {
 public:
    Pool(const Kernels& kernels, Dtype dtype) : kernels_(kernels), memory_(kernels) {
        std::vector<float> values(count);
        Random random(5);
        for (float& value : values) value = 0.02f * random.normal();
        Tensor floats = memory_.tensor(Dtype::f32, {count});
        kernels.copy({}, floats.data, values.data(), values.size() * sizeof(float));
        pool_ = memory_.tensor(dtype, {count});
        is_block_type(dtype) ? kernels.quantize({}, pool_, floats, {}) : kernels.convert({}, pool_, floats);
        kernels.synchronize({});
    }
    void fill(Tensor w) {
        const DtypeInfo& type = info(pool_.dtype);
        int64_t blocks = w.count() / type.block, all = count / type.block;
        for (int64_t done = 0; done < blocks;) {
            int64_t n = std::min(blocks - done, all - at_);
            kernels_.copy({}, static_cast<std::byte*>(w.data) + done * type.block_bytes,
                          static_cast<std::byte*>(pool_.data) + at_ * type.block_bytes,
                          static_cast<size_t>(n * type.block_bytes));
            done += n;
            at_ = (at_ + n + 4099) % all;
        }
    }

 private:
    static constexpr int64_t count = 4 << 20;
    const Kernels& kernels_;
    Arena memory_;
    Tensor pool_;
    int64_t at_ = 0;  // in blocks
};

Llama random_llama(const Kernels& kernels, const Config& config, Dtype type) {
    Llama llama = uninitialized_llama(kernels, config, {.dtype = type});
    Pool matrices(kernels, type), norms(kernels, Dtype::f32);
    Progress progress("making weights", parameter_count(config), "parameters");
    for (Param* p : llama.params()) {
        if (is_tied_output(llama, p)) continue;
        (p->weight.rank == 1 ? norms : matrices).fill(p->weight);
        progress.advance(p->weight.count());
    }
    return llama;
}

}  // namespace

BenchModel choose_bench_model(const Kernels& kernels, const BenchOptions& options) {
    if (!options.model.empty()) {
        std::shared_ptr<ModelSource> source = open_model(options.model);
        return {options.model, source->config(), options.type, held_weights(kernels, *source, options.type), source};
    }
    Config config = config_of_shape(options.shape);
    std::string name(enum_names(options.shape)[static_cast<size_t>(options.shape)]);
    if (options.layers > config.layers) fail_field("layers", "must be at most {} for {}", config.layers, name);
    if (options.layers > 0) {
        config.layers = options.layers;
        name += fmt::format(" with {} layers", config.layers);
    }
    Dtype type = options.type.value_or(Dtype::bf16);
    if (config.dim % info(type).block != 0 || config.ffn % info(type).block != 0)
        fail_field("type", "must be one whose blocks fill the rows of {}: {} elements are not whole blocks of {}", name,
                   config.dim % info(type).block != 0 ? config.dim : config.ffn, info(type).name);
    return {name, config, type, planned_weights(config, type), nullptr};
}

Llama make_bench_model(const Kernels& kernels, const BenchModel& model) {
    if (model.source) return load_llama(kernels, model.source, {.dtype = model.type});
    return random_llama(kernels, model.config, *model.type);
}

}  // namespace puna
