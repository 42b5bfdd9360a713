// model/config.h — the hyperparameters of a Llama model: config.json of a Hugging Face folder.
//
//   Config config = read_config("Llama-3.2-1B/config.json");
//   RotaryFrequencies rotary = rotary_frequencies(config, 8192);        // model/rope_scaling.h
//
// Llama 1 to 3.3 and their descendants differ only in these fields. A missing field has the default of transformers'
// LlamaConfig; conflicting fields are resolved as in transformers 5, except that a field which is there twice with two
// values is an Error, since readers differ in which one they use. What is not supported (model/supported.h) throws an
// Error that names the field; values are range-checked so that no size overflows.
#pragma once
#include "kernels/kernels.h"
#include "model/rope_scaling.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// What a config may say at most, in every format.
struct ConfigLimits {
    static constexpr int64_t size = int64_t{1} << 24, layers = 4096, head_dim = 4096, context = int64_t{1} << 30;
};

struct Config {
    int64_t dim = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, ffn = 0, vocabulary = 0;
    int64_t context = 8192;  // maximum sequence length, in tokens
    double norm_epsilon = 1e-5, rope_theta = 500000;
    std::optional<RopeScaling> rope_scaling;
    bool tied = false;            // the output weights are the token embeddings
    bool attention_bias = false;  // wq, wk, wv and wo have biases
    bool mlp_bias = false;        // w1, w2 and w3 have biases
    std::optional<Dtype> dtype;   // that the file names for the weights; they may have another
    int32_t bos = -1;             // -1: none
    int32_t pad = -1;             // for others, as transformers' Trainer; -1: none
    std::vector<int32_t> eos;     // each of them ends a text

    int64_t q_dim() const { return heads * head_dim; }
    int64_t kv_dim() const { return kv_heads * head_dim; }
    AttentionShape attention() const { return {heads, kv_heads, head_dim}; }
};

Config read_config(const std::filesystem::path& path);
Config parse_config(std::string_view json, std::string_view path);
std::string config_json(const Config& config, Dtype dtype);  // in transformers' format

// Throws Error if a value is out of range or sizes are inconsistent; the message starts with `source`, a file or
// recipe.
void validate(const Config& config, std::string_view source);

}  // namespace puna
