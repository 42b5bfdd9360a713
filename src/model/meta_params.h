// model/meta_params.h — params.json of a folder in Meta's format.
//
//   Config config = parse_meta_params(json, "Meta-Llama-3-8B/params.json", 128256);
//
// Missing fields have the defaults of Meta's code. The file does not say everything: the size of the feed-forward layer
// is computed as there; scaled rotary frequencies have the factor 8, or 32 in the shapes of Llama 3.2 1B and 3B; the
// context is 8,192 tokens, or 131,072 with scaled frequencies. Files of Llama 1 and 2 state no rope_theta: without
// Llama 3's vocabulary it is 10,000, and the context 4,096 tokens, or 2,048 with the epsilon of Llama 1; a base of a
// million is Code Llama's, with 16,384. The file names no special tokens. Source: ModelArgs, FeedForward and
// apply_scaling in models/llama3 of meta-llama/llama-models; convert_llama_weights_to_hf.py of transformers.
#pragma once
#include "model/config.h"

#include <string>
#include <string_view>

namespace puna {

// vocabulary: for a vocab_size that is absent or -1. Throws Error "path: ..." that names the field.
Config parse_meta_params(std::string_view json, std::string_view path, int64_t vocabulary);

// What parse_meta_params reads as this config, special tokens and whether the output is tied aside. Throws Error
// (unsupported) "source: ..." that names what the format cannot say: biases, other scalings of rotary frequencies,
// heads that are not dim / n_heads. A context that it cannot say is only a warning.
std::string meta_params_json(const Config& config, std::string_view source);

}  // namespace puna
