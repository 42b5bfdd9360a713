// tokenizer/json_text.h — text as a JSON string, for files of ours.
//
//   quote_json("a\"b")                                          // "a\"b"
#pragma once
#include <string>
#include <string_view>

namespace puna {

std::string quote_json(std::string_view text);  // with its quotes

}  // namespace puna
