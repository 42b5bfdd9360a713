// model/rope_scaling.h — how rotary frequencies are scaled for contexts longer than that of pre-training.
//
//   std::optional<RopeScaling> scaling = read_rope_scaling(root, settings, config);  // rope_scaling of a config.json
//   RotaryFrequencies rotary = rotary_frequencies(config, 8192);                     // of a model opened for 8192 tokens
//
// The kinds are those of transformers. Two of them choose by the length of the text: `dynamic` enlarges the base beyond
// max_position_embeddings, `longrope` has one list of divisors up to the context of pre-training and another beyond it.
// Here they choose once, by the context that the model was opened with, because keys in a KV cache keep their
// frequencies. Sources: modeling_rope_utils.py of transformers 5; Peng et al. 2023 (YaRN); Ding et al. 2024 (LongRoPE).
#pragma once
#include "core/json_document.h"
#include "core/json_text.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct Config;  // model/config.h

enum class RopeKind : uint8_t { linear, dynamic, yarn, llama3, longrope };
std::string_view name_of(RopeKind kind);  // as in config.json: "llama3"

// Other kinds ignore the fields of one.
struct RopeScaling {
    RopeKind kind = RopeKind::llama3;
    double factor = 8;                // how much longer the context becomes; of longrope for attention_factor only
    int64_t original_context = 8192;  // of pre-training. llama3, yarn, longrope
    double low_frequency_factor = 1, high_frequency_factor = 4;   // llama3
    double fast_rotations = 32, slow_rotations = 1;               // yarn: beta_fast, beta_slow
    bool whole_pairs = true;                                      // yarn: truncate, rounds the limits of its ramp
    std::optional<double> attention_factor = {};                  // yarn, longrope; none: it follows from the factor
    std::vector<double> short_divisors = {}, long_divisors = {};  // longrope: [head_dim / 2]
};

struct RotaryFrequencies {
    std::vector<float> values;   // [head_dim / 2], radians per position
    float attention_factor = 1;  // of cosines and sines, hence squared in the scores of attention
};

// context: that the model was opened with; 0: unknown, as transformers when it loads a model.
RotaryFrequencies rotary_frequencies(const Config& config, int64_t context);

// The largest context that a model can be opened with: with `dynamic` the factor times max_position_embeddings.
int64_t max_context(const Config& config);

// The context as far as the frequencies depend on it: equal for two contexts with the same frequencies, 0 for those
// without a choice. Keys are only comparable where it is the same.
int64_t rotary_choice(const Config& config, int64_t context);

// "dynamic, factor 2, for 8192 tokens: base 31000"; "none".
std::string describe_rope(const Config& config, int64_t context);

double yarn_attention(double factor, double scale);  // the attention factor of yarn

// settings: rope_scaling or rope_parameters, in root. config: with its sizes. None for "default". Throws Error that
// names the field.
std::optional<RopeScaling> read_rope_scaling(JsonNode root, JsonNode settings, const Config& config);
JsonText rope_scaling_json(const std::optional<RopeScaling>& scaling);  // as rope_scaling; null: none

// Throws Error "source: ..." if a value is out of range.
void validate_rope(const Config& config, std::string_view source);

}  // namespace puna
