// model/initialize.h — a Llama's weights in memory: allocated, initialized from a seed, shared, refreshed in training.
//
//   Llama fresh = seeded_llama(kernels, config, 42, {.trainable = true});
//   Llama sampler = shared_llama(fresh);
//
// For weights from files see model/load.h.
#pragma once
#include "model/llama.h"

#include <optional>

namespace puna {

struct LoadOptions {
    std::optional<Dtype> dtype = {};  // of the weight matrices; empty: as stored. Vectors are always f32
    bool trainable = false;           // with f32 master weights and gradient offsets
    Group group = Group::alone();     // tensor parallelism: the matrices are split over it
};

// Random initialization: normal with standard deviation 0.02, for wo and w2 divided by sqrt(2 * layers); norms are 1,
// biases 0. Needs a group of one.
Llama seeded_llama(const Kernels& kernels, const Config& config, uint64_t seed, const LoadOptions& options);

// With memory for all parameters, and undefined values; a tied output is a view of the embeddings. Needs a group of
// one.
Llama uninitialized_llama(const Kernels& kernels, const Config& config, const LoadOptions& options);
bool is_tied_output(const Llama& llama, const Param* param);  // whether it is such a view

// A Llama that shares the weights, also after updates: to sample from a model in training.
Llama shared_llama(Llama& llama);

// Copies updated master weights to the weights that passes use. Call after each optimizer step.
void refresh_weights(Llama& llama);

int64_t gradient_elements(Llama& llama);  // length of the flat gradient vector

inline constexpr int64_t max_weight_bytes = int64_t{1} << 60;  // times four, for f32 masters, fits in 64 bits

// For those who fill a model with weights.
void allocate_weight(const Llama& llama, Param& param);           // of its dtype, shape and layout
void allocate_weights(Llama& llama, const LoadOptions& options);  // contiguous f32 masters for training, and weights
void tie(Llama& llama);                                           // makes a tied output a view of the token embeddings

}  // namespace puna
