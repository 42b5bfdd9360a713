// tokenizer/rank_file.h — Meta's tokenizer.model: one line "base64(token) rank" per text token.
//
//   Vocabulary vocabulary = parse_rank_file(text, path, ControlNames::llama3_1);
//   write_file(path, rank_file_text(vocabulary));
//
// A token's rank is its id. The file does not contain the control tokens: 256 ids from the number of lines on, as in
// Meta's code, with the names of the given version. Ranks may have gaps, but none may be the id of a control token.
// Throws Error that names the line for this, and for duplicate ranks and tokens.
// Source: Tokenizer.__init__ of https://github.com/meta-llama/llama3/blob/main/llama/tokenizer.py.
#pragma once
#include "tokenizer/vocabulary.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

enum class ControlNames : uint8_t { llama3, llama3_1 };  // 3.1 and later name three more

// rows: of the model's embedding; 0 if not known.
Vocabulary parse_rank_file(std::string_view text, std::string_view path, ControlNames names, int64_t rows = 0);

// Throws Error for a vocabulary that a rank file cannot express, with the reason: its merges follow from its tokens, it
// is split by Llama 3's pattern, and its control tokens are the first of Meta's, which a reader adds.
std::string rank_file_text(const Vocabulary& vocabulary);

// The first `count` control tokens of Meta's models by id; unnamed ones are <|reserved_special_token_N|>.
std::vector<std::string> control_names(ControlNames version, int count);
TokenTable make_table(const std::vector<std::string>& tokens);

}  // namespace puna
