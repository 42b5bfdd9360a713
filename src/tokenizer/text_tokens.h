// tokenizer/text_tokens.h — the tokens before and after a text, for tokenizers that are not Llama 3's.
//
//   Tokenizer tokenizer = load_tokenizer("models/starter");
//   const Vocabulary& vocabulary = tokenizer.vocabulary();
//   TextToken begin = find_text_token(vocabulary, begin_of_text_names, "models/starter/tokenizer.json");
//
// Llama 3's own name if the vocabulary has it, else what the files beside it say: bos_token (eos_token) of
// tokenizer_config.json, of special_tokens_map.json, or bos_token_id (eos_token_id, of a list the first) of
// config.json. Null is a model without such a token, as is a tokenizer_config.json that does not mention it.
#pragma once
#include "tokenizer/vocabulary.h"

#include <filesystem>
#include <string_view>

namespace puna {

struct TextTokenNames {
    std::string_view llama3, field;  // <|begin_of_text|>, bos_token
};
inline constexpr TextTokenNames begin_of_text_names{"<|begin_of_text|>", "bos_token"},
    end_of_text_names{"<|end_of_text|>", "eos_token"};

// file: the tokenizer's own. Throws Error for files that are not JSON objects, by name.
TextToken find_text_token(const Vocabulary& vocabulary, const TextTokenNames& names, const std::filesystem::path& file);

}  // namespace puna
