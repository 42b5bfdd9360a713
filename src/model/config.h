// model/config.h — what a Llama is made of: config.json of a Hugging Face folder.
//
//   Config config = read_config("Llama-3.2-1B/config.json");
//   std::vector<float> frequencies = rotary_frequencies(config);
//
// Llama 3, 3.1 and 3.2 differ in fields only. A field that is missing has the default of transformers' LlamaConfig, and
// where two places disagree the one counts that transformers 5 takes. What this program cannot compute (biases, other
// activations, other rotary scalings, quantized weights) is an Error that names the field; numbers are checked so that
// no size overflows.
#pragma once
#include "kernels/kernels.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// Llama 3.1's stretching of rotary wavelengths past the context of pre-training.
struct RopeScaling {
    double factor = 8, low_frequency_factor = 1, high_frequency_factor = 4;
    int64_t original_context = 8192;
};

struct Config {
    int64_t dim = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, ffn = 0, vocabulary = 0;
    int64_t context = 8192;  // tokens that it was made for
    double norm_epsilon = 1e-5, rope_theta = 500000;
    std::optional<RopeScaling> rope_scaling;
    bool tied = false;  // the head is the embedding
    RotaryPairs pairs = RotaryPairs::halves;
    int32_t bos = -1;          // -1: none
    std::vector<int32_t> eos;  // any of them ends a text

    int64_t q_dim() const { return heads * head_dim; }
    int64_t kv_dim() const { return kv_heads * head_dim; }
    AttentionShape attention() const { return {heads, kv_heads, head_dim}; }
};

Config read_config(const std::filesystem::path& path);
Config parse_config(std::string_view json, std::string_view path);
std::string config_json(const Config& config, Dtype dtype);  // as transformers reads it

// Throws Error where sizes do not fit together; `place` opens the message.
void validate(const Config& config, std::string_view place);

std::vector<float> rotary_frequencies(const Config& config);  // [head_dim / 2], radians per position
int64_t parameter_count(const Config& config);

// Operations that training does for a token: 6 for each number that it is multiplied with (all matrices but
// tok_embeddings; a tied head counts), and 6 * layers * heads * head_dim * sequence for causal attention.
double training_operations(const Config& config, int64_t sequence);

}  // namespace puna
