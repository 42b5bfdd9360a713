// model/test_model.h — for tests: the config of a tiny model, and the logits of one.
#pragma once
#include "model/llama.h"

#include <numeric>
#include <span>
#include <vector>

namespace puna {

inline Config small_config(bool tied) {
    Config config;
    config.dim = 24;
    config.layers = 2;
    config.heads = 4;
    config.kv_heads = 2;
    config.head_dim = 6;
    config.ffn = 40;
    config.vocabulary = 50;
    config.tied = tied;
    config.bos = 3;
    config.eos = {4, 5};
    return config;
}

// Of all rows of a batch with these tokens: [tokens][vocabulary].
inline std::vector<float> logits_of(Llama& llama, const std::vector<int32_t>& tokens) {
    Pass pass(llama.kernels);
    pass.begin(batch_of(tokens));
    std::vector<int64_t> rows(tokens.size());
    std::iota(rows.begin(), rows.end(), int64_t{0});
    std::span<float> logits = llama.logits(pass, llama.forward(pass), rows).span<float>();
    return {logits.begin(), logits.end()};
}

// With the first n of some tokens.
inline std::vector<float> logits_of(Llama& llama, size_t n = 6) {
    std::vector<int32_t> tokens{1, 7, 30, 2, 2, 49, 3, 8, 12};
    tokens.resize(n);
    return logits_of(llama, tokens);
}

}  // namespace puna
