// tokenizer/added_token_files.h — the added tokens that the files beside a tokenizer declare.
//
//   Vocabulary vocabulary = parse_sentencepiece_model(bytes, "llama-2/tokenizer.model");
//   read_added_tokens(vocabulary, "llama-2/tokenizer.model");               // beside a tokenizer.json: read_missing_tokens
//
// added_tokens_decoder of tokenizer_config.json declares all of them with their flags; older folders have
// added_tokens.json with their ids, of which those are control tokens that special_tokens_map.json or
// tokenizer_config.json name as special. tokenizer_config.json also says where a space is put before text: `legacy`
// (true where it is missing) before each text between added tokens, else only before the whole, and `add_prefix_space`.
// Source: transformers 4.57, PreTrainedTokenizerBase._from_pretrained, LlamaTokenizer and LlamaConverter.
#pragma once
#include "tokenizer/vocabulary.h"

#include <filesystem>

namespace puna {

// file: the tokenizer.model. Throws Error for files beside it that are not JSON objects, and for an id that another
// token has.
void read_added_tokens(Vocabulary& vocabulary, const std::filesystem::path& file);

// file: the tokenizer.json, which has its added tokens itself. Some derivatives declare further ones only beside it,
// which transformers adds. Throws as above.
void read_missing_tokens(Vocabulary& vocabulary, const std::filesystem::path& file);

}  // namespace puna
