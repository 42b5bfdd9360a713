// model/gguf_config.h — the hyperparameters of a Llama in a GGUF file: the keys general.architecture and llama.*.
//
//   GgufShards shards("llama.gguf");
//   Config config = read_gguf_config(shards);
//
//   GgufMetadata metadata;
//   add_gguf_config(metadata, config);                                // what read_gguf_config reads
//   for (const RopeTensor& tensor : rope_tensors(config)) add(tensor);     // and the tensors for it
//
// The format has no keys for Llama 3's scaling of rotary frequencies: the divisors are a tensor, rope_freqs.weight. Nor
// has it any for `dynamic`, for several eos tokens, for the dtype of the weights before quantization, and its numbers
// are f32. The whole config.json is in the key puna.config therefore; it counts as long as it agrees with the others,
// which somebody may have edited. Source: llama.cpp, src/llama-arch.cpp, gguf-py/gguf/constants.py.
#pragma once
#include "files/gguf_shards.h"
#include "files/gguf_writer.h"
#include "model/config.h"

#include <string>
#include <string_view>
#include <vector>

namespace puna {

// Throws Error that names the key for what is missing, of another type, out of range or not supported: another
// architecture, experts, heads that differ between layers, partial rotary embeddings.
Config read_gguf_config(GgufShards& shards);

void add_gguf_config(GgufMetadata& metadata, const Config& config);

// What rotary frequencies are divided by, [head_dim / 2]: tensors of the file that are no weights.
struct RopeTensor {
    std::string name;
    std::vector<float> divisors;
};
std::vector<RopeTensor> rope_tensors(const Config& config);
bool is_rope_tensor(std::string_view name);

}  // namespace puna
