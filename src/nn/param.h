// nn/param.h — a weight of the model and what training keeps beside it.
#pragma once
#include "core/tensor.h"

#include <cstdint>
#include <string>

namespace puna {

struct Param {
    std::string name;     // as in Llama's checkpoints: layers.0.attention.wq.weight
    Tensor weight;        // what passes multiply with: f32, bf16, f16
    Tensor master;        // trainable: f32, which the optimizer changes; the same memory as an f32 weight
    int64_t offset = -1;  // trainable: of its gradient among all gradients; -1: frozen
    bool trainable() const { return offset >= 0; }
};

}  // namespace puna
