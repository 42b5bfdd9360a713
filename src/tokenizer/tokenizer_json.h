// tokenizer/tokenizer_json.h — Hugging Face's tokenizer.json, as far as it says what Llama 3's tokenizer is.
//
//   Vocabulary vocabulary = parse_tokenizer_json(file.text(), path);
//   write_file(path, tokenizer_json_text(vocabulary));
//
// Read are byte-level BPE models whose text is split by Llama 3's pattern; anything else would silently encode
// otherwise and is refused with an Error that names what differs. Ids lie where the file has them; an added token that
// stands in the vocabulary too is that token, and of a merge listed twice the last counts, as in Hugging Face's
// tokenizers library. Added tokens in the file that are `special` are control tokens, the others text. Merges that are
// all two-way splits of all tokens, in the order of the joined token's id, are what a rank file means: they are not
// kept but followed from the tokens.
#pragma once
#include "tokenizer/vocabulary.h"

#include <string>
#include <string_view>

namespace puna {

Vocabulary parse_tokenizer_json(std::string_view text, std::string_view path);
std::string tokenizer_json_text(const Vocabulary& vocabulary);

}  // namespace puna
