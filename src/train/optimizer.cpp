#include "train/optimizer.h"

#include "core/math.h"
#include "model/load.h"

#include <algorithm>
#include <cmath>

namespace puna {

namespace {

// The part of a flat vector of all parameters, f32, that belongs to one.
Tensor part_of(const Param& param, Tensor all) {
    return param.values(all.slice(param.offset, param.weight.count()).data);
}

Buffer zeros(const Kernels& kernels, int64_t elements) {
    Buffer memory(kernels, *bytes_of(Dtype::f32, elements));
    kernels.zero({}, Tensor(memory.data(), Dtype::f32, {elements}));
    return memory;
}

}  // namespace

Optimizer::Optimizer(Llama& llama, const OptimizerOptions& options)
    : options_(options),
      elements_(gradient_elements(llama)),
      mean_(zeros(llama.kernels, elements_)),
      mean_square_(zeros(llama.kernels, elements_)) {}

Tensor Optimizer::mean(const Param& param) const {
    return part_of(param, Tensor(mean_.data(), Dtype::f32, {elements_}));
}

Tensor Optimizer::mean_square(const Param& param) const {
    return part_of(param, Tensor(mean_square_.data(), Dtype::f32, {elements_}));
}

double Optimizer::step(Llama& llama, Tensor gradients, double learning_rate) {
    const Kernels& kernels = llama.kernels;
    if (llama.config.tied) {
        Tensor sum = part_of(llama.tok_embeddings, gradients);
        kernels.add({}, sum, sum, part_of(llama.output.weight, gradients));
    }
    double squares = 0;
    for (Param* p : llama.params())
        if (p->master) squares += kernels.sum_of_squares({}, part_of(*p, gradients));
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
        adamw.weight_decay = p->weight.rank > 1 || options_.decay == DecayedWeights::all ? options_.weight_decay : 0;
        kernels.adamw({}, p->master, mean(*p), mean_square(*p), part_of(*p, gradients), adamw);
    }
    refresh_weights(llama);
    return norm;
}

}  // namespace puna
