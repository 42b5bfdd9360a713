// tokenizer/json_text.h — quotes text as a JSON string.
//
//   std::string quoted = quote_json("a\"b");                    // "a\"b", with its quotes
#pragma once
#include <string>
#include <string_view>

namespace puna {

std::string quote_json(std::string_view text);  // including the quotes

}  // namespace puna
