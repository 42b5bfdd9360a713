// train/optimizer.h — AdamW on a Llama's f32 master weights, with global-norm gradient clipping.
//
//   Optimizer optimizer(llama, {.clip = 1});
//   double norm = optimizer.step(llama, gradients.finish(), learning_rate);
//
// Source: Loshchilov and Hutter 2019; clipping as torch.nn.utils.clip_grad_norm_. Bit-identical on any number of
// threads.
#pragma once
#include "kernels/buffer.h"
#include "model/llama.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace puna {

enum class DecayedWeights { matrices, all };
inline std::vector<std::string_view> enum_names(DecayedWeights) { return {"matrices", "all"}; }

struct OptimizerOptions {
    float beta1 = 0.9f, beta2 = 0.95f, epsilon = 1e-8f, weight_decay = 0.1f, clip = 1;
    DecayedWeights decay = DecayedWeights::matrices;
};
template <class F>
void fields(OptimizerOptions& o, F field) {
    field("beta1", o.beta1, "AdamW: decay rate of the first moment", {.min = 0, .max = 1, .below_max = true});
    field("beta2", o.beta2, "AdamW: decay rate of the second moment", {.min = 0, .max = 1, .below_max = true});
    field("epsilon", o.epsilon, "AdamW: added to the denominator", {.word = "X", .min = 1e-30, .max = 1});
    field("weight_decay", o.weight_decay, "AdamW: weight decay", {.min = 0, .max = 1e3});
    field("decay", o.decay, "which weights decay; all includes the norms");
    field("clip", o.clip, "gradient clipping: maximum global norm; 0 = off", {.min = 0, .max = 1e9});
}

class Optimizer {
 public:
    Optimizer(Llama& llama, const OptimizerOptions& options);

    // One step on the summed gradients (Gradients::finish), which it may modify. Returns their norm before clipping; if
    // it is not finite, nothing is updated.
    double step(Llama& llama, Tensor gradients, double learning_rate);

    int64_t steps = 0;  // done so far; saved in checkpoints together with the moments
    Tensor mean(const Param& param) const;
    Tensor mean_square(const Param& param) const;

 private:
    OptimizerOptions options_;
    int64_t elements_;
    Buffer mean_, mean_square_;
};

}  // namespace puna
