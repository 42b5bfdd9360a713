// infer/fake_model.h — for tests: a tiny randomly initialized Llama and a byte tokenizer, without files.
//
//   Engine engine(fake_llama(), fake_tokenizer(), {.sequences = 2});
//
// It generates lowercase letters, reproducibly; with temperature 0 it never generates a stop token.
#pragma once
#include "kernels/host_copy.h"
#include "model/load.h"
#include "tokenizer/tokenizer.h"

namespace puna {

// 256 byte tokens, then sixteen control tokens.
inline Tokenizer fake_tokenizer() {
    Vocabulary vocabulary;
    vocabulary.tokens = TokenTable(256, 256);
    for (int byte = 0; byte < 256; ++byte) {
        char c = static_cast<char>(byte);
        check(vocabulary.tokens.set(byte, {&c, 1}), "byte {}", byte);
    }
    std::vector<std::string> names = {"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
                                      "<|end_header_id|>", "<|eom_id|>",      "<|eot_id|>"};
    while (names.size() < 16) names.push_back(fmt::format("<|reserved_special_token_{}|>", names.size() - 6));
    vocabulary.append_controls(names);
    return Tokenizer(std::move(vocabulary));
}

inline Llama fake_llama(uint64_t seed = 1, int64_t context = 512, const Kernels& kernels = choose_kernels()) {
    Config config;
    config.dim = 32;
    config.layers = 2;
    config.heads = 4;
    config.kv_heads = 2;
    config.head_dim = 8;
    config.ffn = 64;
    config.vocabulary = 256 + 16;
    config.context = context;
    config.bos = 256;
    config.eos = {257};
    Llama llama = seeded_llama(kernels, config, seed, {});
    HostCopy output(kernels, {}, llama.output.weight.weight);
    output.download();
    for (int64_t id = 0; id < config.vocabulary; ++id) {
        bool letter = (id >= 'a' && id <= 'z') || id == ' ';
        for (float& weight : output.tensor().slice(id, 1).span<float>()) weight *= letter ? 30 : 0;
    }
    output.upload();
    return llama;
}

}  // namespace puna
