// nn/param.h — a model weight and its training state.
#pragma once
#include "core/tensor.h"

#include <cstdint>
#include <string>

namespace puna {

struct Param {
    std::string name;     // as in Meta's checkpoints: layers.0.attention.wq.weight
    Tensor weight;        // used in forward and backward: f32, bf16 or f16
    Tensor master;        // trainable: f32 copy that the optimizer updates; the same memory as an f32 weight
    int64_t offset = -1;  // trainable: start of its gradient in the flat gradient vector; -1: frozen
    bool trainable() const { return offset >= 0; }
};

}  // namespace puna
