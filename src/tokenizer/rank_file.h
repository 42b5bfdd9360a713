// tokenizer/rank_file.h — Meta's tokenizer.model: a line "base64(token) rank" for each token of text.
//
//   Vocabulary vocabulary = parse_rank_file(file.text(), path, ControlNames::llama3_1);
//
// The file does not name the control tokens: 256 follow the ranks, with the names of a version. Throws Error, naming
// the line, for anything else than one line for each rank from 0 on.
#pragma once
#include "tokenizer/vocabulary.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

enum class ControlNames : uint8_t { llama3, llama3_1 };  // 3.1 and later have three names more

Vocabulary parse_rank_file(std::string_view text, std::string_view path, ControlNames names);

// The first `count` control tokens of Meta's models, in the order of their ids; reserved ones fill up.
std::vector<std::string> control_names(ControlNames version, int count);
TokenTable make_table(const std::vector<std::string>& tokens);

}  // namespace puna
