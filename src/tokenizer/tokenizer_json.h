// tokenizer/tokenizer_json.h — reads and writes Hugging Face's tokenizer.json, of both kinds of BPE.
//
//   Vocabulary vocabulary = parse_tokenizer_json(text, path);
//   write_file(path, tokenizer_json_text(vocabulary));
//
// Byte-level BPE with a published split pattern, and SentencePiece's BPE as Llama 1 and 2 use it; anything else would
// silently encode differently and throws an Error that names the difference (tokenizer/tokenizer_json_settings.h). Ids
// are those of the file; an added token that is also in the vocabulary is one token, and the last of duplicate merges
// counts, as in Hugging Face's tokenizers library. Added tokens that are `special` are control tokens, the others are
// text. Merges: see tokenizer/merge_list.h.
#pragma once
#include "tokenizer/vocabulary.h"

#include <string>
#include <string_view>
#include <vector>

namespace puna {

Vocabulary parse_tokenizer_json(std::string_view text, std::string_view path);
std::string tokenizer_json_text(const Vocabulary& vocabulary);

}  // namespace puna
