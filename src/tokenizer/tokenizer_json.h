// tokenizer/tokenizer_json.h — reads and writes Hugging Face's tokenizer.json, for tokenizers of Llama 3's kind.
//
//   Vocabulary vocabulary = parse_tokenizer_json(text, path);
//   write_file(path, tokenizer_json_text(vocabulary));
//
// Supports byte-level BPE with Llama 3's split pattern; anything else would silently encode differently and throws an
// Error that names the difference. Ids are those of the file; an added token that is also in the vocabulary is one
// token, and the last of duplicate merges counts, as in Hugging Face's tokenizers library. Added tokens that are
// `special` are control tokens, the others are text. Merges that are all two-way splits of all tokens in the order of
// the merged token's id are what a rank file implies: they are not stored but derived from the tokens.
#pragma once
#include "tokenizer/vocabulary.h"

#include <string>
#include <string_view>
#include <vector>

namespace puna {

Vocabulary parse_tokenizer_json(std::string_view text, std::string_view path);
std::string tokenizer_json_text(const Vocabulary& vocabulary);

}  // namespace puna
