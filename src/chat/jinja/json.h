// chat/jinja/json.h — JSON as values of a template, and values as Python's json.dumps writes them.
//
//   Value arguments = parse_json(R"({"city": "Vienna"})", "arguments of weather", budget);
//   Text text = dump_json(arguments, {}, budget);   // {"city": "Vienna"}
//
// Keys keep their order and whole numbers their digits, whatever their length. All text counts as a value's (text.h).
#pragma once
#include "chat/jinja/value.h"

#include <optional>
#include <string_view>

namespace puna::jinja {

// Throws Error, beginning with `place`, if it is not JSON.
Value parse_json(std::string_view json, std::string_view place, Budget& budget);

struct JsonStyle {
    std::optional<Text> indent;  // of each level; none: all on one line
    Text item_separator = text_of(", "), key_separator = text_of(": ");
    bool ascii = false;  // everything else as \u00e9
    bool sort_keys = false;
};

// Throws Error for what is no JSON: undefined values, functions, keys that are lists.
Text dump_json(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace puna::jinja
