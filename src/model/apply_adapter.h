// model/apply_adapter.h — LoRA adapters in a model: beside its weights, or merged into them.
//
//   std::vector<Adapter> adapters;
//   adapters.emplace_back("my-adapter");
//   int index = add_adapter(llama, adapters);              // Sequence::adapter of those that use it
//
//   merge_adapter(llama, adapters[0]);                     // W += scale * b a, once and for all
//
// Beside the weights an adapter works on any base, whatever the type of its weights, and each request may use another.
#pragma once
#include "model/adapter.h"
#include "model/llama.h"

#include <span>

namespace puna {

// Adds one adapter, the sum of these, to a model's matrices, and returns its index. Throws Error if one does not fit.
int add_adapter(Llama& llama, std::span<Adapter> adapters);

// The memory of add_adapter.
int64_t adapter_bytes(const Adapter& adapter);

// matrix: f32, rows of the whole matrix of the pair.
void merge_pair(const Kernels& kernels, Tensor matrix, const AdapterPair& pair);

// For weights of floating types that are not in mapped files. Needs a group of one.
void merge_adapter(Llama& llama, Adapter& adapter);

}  // namespace puna
