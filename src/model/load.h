// model/load.h — a Llama's weights: load from a Hugging Face folder, initialize from a seed, save.
//
//   Llama llama = load_llama(folder, {});                               // as stored, memory-mapped
//   Llama trainable = load_llama(folder, {.dtype = Dtype::bf16, .trainable = true});
//   Llama fresh = seeded_llama(config, 42, {.trainable = true});
//   save_llama(llama, folder, Dtype::bf16);                             // config.json and model.safetensors
#pragma once
#include "files/shards.h"
#include "model/llama.h"

#include <filesystem>
#include <optional>
#include <string_view>

namespace puna {

struct LoadOptions {
    std::optional<Dtype> dtype = {};  // of the weight matrices; empty: as stored. Norms are always f32
    bool trainable = false;           // with f32 master weights and gradient offsets
    Group group = Group::alone();     // tensor parallelism: the matrices are split over it
};

// The dtype named f32, bf16 or f16; empty: as stored. Throws Error for other names.
std::optional<Dtype> weights_dtype(std::string_view name);

// The config of a model folder. Throws Error that says what is wrong with the folder if it has none.
Config load_config(const std::filesystem::path& folder);

// Throws Error that names the folder and the tensor if one is missing, of another shape or of an unsupported dtype.
Llama load_llama(const std::filesystem::path& folder, const LoadOptions& options);

// Random initialization: normal with standard deviation 0.02, for wo and w2 divided by sqrt(2 * layers); norms are 1.
// Needs a group of one.
Llama seeded_llama(const Config& config, uint64_t seed, const LoadOptions& options);

// A Llama that shares the weights, also after updates: to sample from a model in training.
Llama shared_llama(Llama& llama);

// Copies updated master weights to the weights that passes use. Call after each optimizer step.
void refresh_weights(const Kernels& kernels, Llama& llama);

int64_t gradient_elements(Llama& llama);  // length of the flat gradient vector

// Writes config.json and the weights (from the masters, if any) as f32, bf16 or f16. Needs a group of one.
void save_llama(Llama& llama, const std::filesystem::path& folder, Dtype dtype, const ShardOptions& options = {});

}  // namespace puna
