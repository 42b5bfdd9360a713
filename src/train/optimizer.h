// train/optimizer.h — AdamW on a Llama's masters, with clipping by the global norm.
//
//   Optimizer optimizer(llama, {.clip = 1});
//   double norm = optimizer.step(kernels, llama, gradients.finish(), learning_rate);
//
// Source: Loshchilov and Hutter 2019; clipping as torch.nn.utils.clip_grad_norm_. The same bits on any number of
// threads.
#pragma once
#include "core/arena.h"
#include "kernels/kernels.h"
#include "model/llama.h"

#include <cstdint>
#include <span>
#include <string>

namespace puna {

struct OptimizerOptions {
    float beta1 = 0.9f, beta2 = 0.95f, epsilon = 1e-8f, weight_decay = 0.1f, clip = 1;
    std::string decay = "matrices";
};
template <class F>
void fields(OptimizerOptions& o, F field) {
    field("beta1", o.beta1, "AdamW: decay of the mean of gradients");
    field("beta2", o.beta2, "AdamW: decay of the mean of their squares");
    field("epsilon", o.epsilon, "AdamW: added to the root of the mean square");
    field("weight_decay", o.weight_decay, "AdamW: share of a weight that goes each step, times the learning rate");
    field("clip", o.clip, "largest norm of all gradients together; 0 does not clip");
    field("decay", o.decay, "which weights decay: matrices, or all (norms too)");
}

class Optimizer {
 public:
    Optimizer(Llama& llama, const OptimizerOptions& options);

    // One step on the sum of gradients (Gradients::finish), which it may change. Returns their norm before clipping;
    // when that is not finite nothing is changed.
    double step(const Kernels& kernels, Llama& llama, std::span<float> gradients, double learning_rate);

    int64_t steps = 0;  // taken so far; with the moments, what a checkpoint keeps
    Tensor mean(const Param& param) const { return moment(mean_, param); }
    Tensor mean_square(const Param& param) const { return moment(mean_square_, param); }

 private:
    Tensor moment(const AlignedBytes& all, const Param& param) const;

    OptimizerOptions options_;
    AlignedBytes mean_, mean_square_;
};

}  // namespace puna
