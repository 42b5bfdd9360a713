// model/load.h — a Llama's numbers: from a Hugging Face folder, from a seed, into memory that training changes, and
// back.
//
//   Llama llama = load_llama(folder, {});                               // as stored, mapped: opens at once
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
    std::optional<Dtype> dtype = {};  // what passes multiply with; empty: as stored. Norms are always f32
    bool trainable = false;           // f32 masters beside it, and a place among the gradients
    Group group = Group::alone();     // that the matrices are split over
};

// The type that a name asks to compute with: f32, bf16 or f16; empty: as stored. Throws Error for others.
std::optional<Dtype> weights_dtype(std::string_view name);

// Throws Error that names the folder and the tensor: missing, of another shape, of a dtype that cannot be run.
Llama load_llama(const std::filesystem::path& folder, const LoadOptions& options);

// Normal numbers of deviation 0.02, in wo and w2 divided by sqrt(2 layers); norms are ones. Needs a group of one.
Llama seeded_llama(const Config& config, uint64_t seed, const LoadOptions& options);

// Another Llama that reads the same numbers, now and after they change: to sample from a model that trains.
Llama shared_llama(Llama& llama);

// After the optimizer has changed the masters: passes see them again.
void refresh_weights(const Kernels& kernels, Llama& llama);

int64_t trainable_numbers(Llama& llama);  // of all gradients in a row

// Writes config.json and the weights (masters where there are some) as f32, bf16 or f16. Needs a group of one.
void save_llama(Llama& llama, const std::filesystem::path& folder, Dtype dtype, const ShardOptions& options = {});

}  // namespace puna
