// tokenizer/token_roles.h — which tokens begin and end texts, turns and messages: by Llama 3's names, or as the files
// of a model name them. The only place that knows such names; everything else asks Tokenizer::roles().
//
//   Vocabulary vocabulary = parse_tokenizer_json(text, "models/starter/tokenizer.json");
//   find_text_tokens(vocabulary, "models/starter/tokenizer.json");
//   assign_roles(vocabulary, "models/starter/tokenizer.json");               // as Tokenizer's constructor does
//
// The tokens around a text are Llama 3's own if the vocabulary has them, else what the files beside it say: bos_token
// (eos_token) of special_tokens_map.json, of tokenizer_config.json (first if it has added_tokens_decoder), what the
// vocabulary's file itself names (SentencePiece's), or bos_token_id (eos_token_id, of a list the first) of config.json.
// Null is a model without such a token, as is a tokenizer_config.json that does not mention it.
//
// Generation ends with any of these, with the tokens that end turns and messages, and with added tokens by which models
// of other families end theirs. What a chat template writes after an answer: chat/turn_end.h.
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

// As the file names them, else by the names of Llama 3 and other families; begin_of_text and end_of_text only where
// they are not set. bos is what a text begins with, or Llama 3's own where texts begin without it. source: begins what
// is wrong with begin_of_text and end_of_text.
void assign_roles(Vocabulary& vocabulary, std::string_view source);

// Sets begin_of_text and end_of_text; begin_of_text is the template's where there is one. file: the tokenizer.json.
// Throws Error for files beside it that are not JSON objects.
void find_text_tokens(Vocabulary& vocabulary, const std::filesystem::path& file);

bool has_llama3_controls(const Vocabulary& vocabulary);  // those of its prompts

// A name such as <|im_end|>, which no text token has: where a file lists it as one, its converter was wrong.
bool is_turn_end_name(std::string_view text);

// The files that name special tokens, in the order in which they count.
std::array<const JsonFile*, 2> special_token_files(const JsonFile& tokenizer_config,
                                                   const JsonFile& special_tokens_map);

// The text of a special token: a string, or an AddedToken {"content": "<s>", ...}. None for other values.
std::optional<std::string> special_token_text(JsonNode value);

}  // namespace puna
