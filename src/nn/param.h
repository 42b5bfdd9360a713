// nn/param.h — a model weight and its training state.
#pragma once
#include "core/tensor.h"

#include <cstdint>
#include <memory>
#include <string>

namespace puna {

struct Param {
    std::string name;     // as in Meta's checkpoints: layers.0.attention.wq.weight
    Tensor weight;        // used in forward and backward: of any dtype, in rows or panels
    Tensor master;        // trainable: f32 copy that the optimizer updates; the same memory as an f32 weight
    int64_t offset = -1;  // trainable: start of its gradient in the flat gradient vector; -1: frozen
    // Owners of the weight and the master: a Buffer or a mapped file, shared by models with the same weights.
    std::shared_ptr<const void> memory = {}, master_memory = {};
    bool trainable() const { return offset >= 0; }
    // Values of its shape in f32, in rows: its master, gradient or moments.
    Tensor values(void* data) const {
        return {data, Dtype::f32, std::span(weight.size).first(static_cast<size_t>(weight.rank))};
    }
};

}  // namespace puna
