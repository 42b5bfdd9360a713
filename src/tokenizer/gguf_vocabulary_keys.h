// tokenizer/gguf_vocabulary_keys.h — the keys of a vocabulary in GGUF, for the reader and the writer.
//
//   metadata.add(gguf_keys::model, "llama");
//
// Those that begin with puna. are written only where the others cannot say what a vocabulary of another format does.
#pragma once
#include <cstdint>
#include <string_view>

namespace puna {

namespace gguf_keys {
inline constexpr std::string_view model = "tokenizer.ggml.model", pattern = "tokenizer.ggml.pre",
                                  tokens = "tokenizer.ggml.tokens", token_types = "tokenizer.ggml.token_type",
                                  scores = "tokenizer.ggml.scores", merges = "tokenizer.ggml.merges",
                                  bos = "tokenizer.ggml.bos_token_id", eos = "tokenizer.ggml.eos_token_id",
                                  eot = "tokenizer.ggml.eot_token_id", eom = "tokenizer.ggml.eom_token_id",
                                  ends = "tokenizer.ggml.eos_token_ids",  // ollama's; llama.cpp finds them by name
    unknown = "tokenizer.ggml.unknown_token_id", padding = "tokenizer.ggml.padding_token_id",
                                  begins_text = "tokenizer.ggml.add_bos_token",
                                  space_prefix = "tokenizer.ggml.add_space_prefix",
                                  remove_extra_spaces = "tokenizer.ggml.remove_extra_whitespaces";
// SentencePieceRules and ignore_merges; gguf_flags for each token.
inline constexpr std::string_view token_flags = "puna.tokenizer.token_flags",
                                  whole_pieces = "puna.tokenizer.ignore_merges",
                                  prefix_of_text_only = "puna.tokenizer.prefix_of_text_only",
                                  prefix_unless_space = "puna.tokenizer.prefix_unless_space",
                                  separate_spaces = "puna.tokenizer.separate_spaces",
                                  drop_prefix = "puna.tokenizer.drop_prefix",
                                  fuse_unknown = "puna.tokenizer.fuse_unknown";
}  // namespace gguf_keys

// Of keys for one token: converters write -1, also as u32, where a model has none.
inline bool is_no_token(int64_t id) { return id == -1 || id == 0xffffffff; }

namespace gguf_flags {
enum : uint8_t {
    single_word = 1,
    lstrip = 2,
    rstrip = 4,
    normalized = 8,
    also_merged = 16,      // an added token that merging can produce too
    found_by_merging = 32  // a user-defined token of SentencePiece, found where text is merged and not before
};
}

enum class GgufTokenType : int32_t { normal = 1, unknown, control, user_defined, unused, byte };

}  // namespace puna
