#include "train/optimizer.h"

#include "core/math.h"
#include "model/load.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace puna {

namespace {

Tensor gradient_of(const Param& param, std::span<float> gradients) {
    Tensor view = param.weight;
    view.dtype = Dtype::f32;
    view.data = gradients.data() + param.offset;
    return view;
}

AlignedBytes zeros(int64_t count) {
    size_t bytes = static_cast<size_t>(count) * sizeof(float);
    AlignedBytes memory = allocate_aligned(bytes);
    std::memset(memory.get(), 0, bytes);
    return memory;
}

}  // namespace

Optimizer::Optimizer(Llama& llama, const OptimizerOptions& options)
    : options_(options), mean_(zeros(gradient_elements(llama))), mean_square_(zeros(gradient_elements(llama))) {
    if (options.decay != "matrices" && options.decay != "all")
        fail("decay: '{}' is neither 'matrices' nor 'all'", options.decay);
}

Tensor Optimizer::moment(const AlignedBytes& all, const Param& param) const {
    return gradient_of(param,
                       {reinterpret_cast<float*>(all.get()), static_cast<size_t>(param.offset + param.weight.count())});
}

double Optimizer::step(const Kernels& kernels, Llama& llama, std::span<float> gradients, double learning_rate) {
    if (llama.config.tied) {
        Tensor sum = gradient_of(llama.tok_embeddings, gradients);
        kernels.add({}, sum, sum, gradient_of(llama.output.weight, gradients));
    }
    double squares = 0;
    for (Param* p : llama.params())
        if (p->master) squares += kernels.sum_of_squares({}, gradient_of(*p, gradients));
    double norm = std::sqrt(squares);
    if (!std::isfinite(norm)) return norm;
    ++steps;
    auto correction = [this](float beta) {
        return static_cast<float>(1 - exact::exp(static_cast<double>(steps) * exact::log(static_cast<double>(beta))));
    };
    AdamW adamw{.learning_rate = static_cast<float>(learning_rate),
                .beta1 = options_.beta1,
                .beta2 = options_.beta2,
                .epsilon = options_.epsilon,
                .correction1 = correction(options_.beta1),
                .correction2 = correction(options_.beta2),
                .gradient_scale = options_.clip > 0 ? static_cast<float>(std::min(
                                                          1.0, static_cast<double>(options_.clip) / (norm + 1e-6)))
                                                    : 1.0f};
    for (Param* p : llama.params()) {
        if (!p->master) continue;
        adamw.weight_decay = p->weight.rank > 1 || options_.decay == "all" ? options_.weight_decay : 0;
        kernels.adamw({}, p->master, mean(*p), mean_square(*p), gradient_of(*p, gradients), adamw);
    }
    refresh_weights(kernels, llama);
    return norm;
}

}  // namespace puna
