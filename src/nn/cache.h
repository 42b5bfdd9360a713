// nn/cache.h — KV cache: keys and values of past tokens, per layer and slot, in f32.
//
//   KvCache cache(layers, slots, capacity, kv_dim);
//   Tensor keys = cache.keys(layer, slot);             // f32 [capacity, kv_dim]
//
// Attention appends to it; the owner of the sequences tracks how many rows are valid (Sequence::past).
#pragma once
#include "core/arena.h"
#include "core/tensor.h"

#include <cstdint>

namespace puna {

class KvCache {
 public:
    KvCache(int64_t layers, int64_t slots, int64_t capacity, int64_t kv_dim)
        : slots_(slots),
          capacity_(capacity),
          kv_dim_(kv_dim),
          memory_(allocate_aligned(static_cast<size_t>(layers * slots * capacity * kv_dim * 2) * sizeof(float))) {}

    int64_t capacity() const { return capacity_; }
    Tensor keys(int64_t layer, int slot) const { return part(layer, slot, 0); }
    Tensor values(int64_t layer, int slot) const { return part(layer, slot, 1); }

 private:
    Tensor part(int64_t layer, int slot, int64_t which) const {
        check(slot >= 0 && slot < slots_, "KV cache: slot {} of {}", slot, slots_);
        float* memory = reinterpret_cast<float*>(memory_.get());
        return {memory + ((layer * slots_ + slot) * 2 + which) * capacity_ * kv_dim_, Dtype::f32, {capacity_, kv_dim_}};
    }

    int64_t slots_, capacity_, kv_dim_;
    AlignedBytes memory_;
};

}  // namespace puna
