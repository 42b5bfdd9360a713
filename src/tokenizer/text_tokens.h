// tokenizer/text_tokens.h — the tokens before and after a text, as the files of a model name them.
//
//   Vocabulary vocabulary = parse_tokenizer_json(text, "models/starter/tokenizer.json");
//   find_text_tokens(vocabulary, "models/starter/tokenizer.json");
//
// Llama 3's own token if the vocabulary has it, else what the files beside it say: bos_token (eos_token) of
// special_tokens_map.json, of tokenizer_config.json (first if it has added_tokens_decoder), or bos_token_id
// (eos_token_id, of a list the first) of config.json. Null is a model without such a token, as is a
// tokenizer_config.json that does not mention it.
//
// Whether a text begins with it: if tokenizer_class is LlamaTokenizer, unless add_bos_token is false; else the template
// of tokenizer.json's post_processor decides, and names the token itself; else Llama 3's own does, and without a
// tokenizer_config.json any. Source: transformers 4.57, PreTrainedTokenizerBase and LlamaTokenizerFast; tokenizers
// 0.22, TemplateProcessing.
#pragma once
#include "core/json_file.h"
#include "tokenizer/vocabulary.h"

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace puna {

// Sets begin_of_text and end_of_text; begin_of_text is the template's where there is one. file: the tokenizer.json.
// Throws Error for files beside it that are not JSON objects, and for tokens that only these declare
// (added_tokens_decoder, added_tokens.json), by name.
void find_text_tokens(Vocabulary& vocabulary, const std::filesystem::path& file);

// The files that name special tokens, in the order in which they count.
std::array<const JsonFile*, 2> special_token_files(const JsonFile& tokenizer_config,
                                                   const JsonFile& special_tokens_map);

// The text of a special token: a string, or an AddedToken {"content": "<s>", ...}. None for other values.
std::optional<std::string> special_token_text(const JsonValue& value, std::string_view where);

}  // namespace puna
