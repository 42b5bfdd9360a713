// tokenizer/json_text.h — JSON spelled as Python's json.dumps does, which is how chat templates show it to models.
//
//   respell_json(R"({"a":[1,2]})", "tool", 0)           // {"a": [1, 2]}
//   respell_json(text, "tool", 4)                       // over several lines, indented by four
#pragma once
#include <string>
#include <string_view>

namespace puna {

// Throws Error, beginning with `place`, if it is not JSON. Keys keep their order.
std::string respell_json(std::string_view json, std::string_view place, int indent);

std::string quote_json(std::string_view text);  // as a JSON string, with its quotes

}  // namespace puna
