// chat/jinja/json.h — JSON as values of a template, and values as Python's json.dumps writes them.
//
//   Value arguments = parse_json(R"({"city": "Vienna"})", "arguments of weather", budget);
//   Text text = dump_json(arguments, {}, budget);   // {"city": "Vienna"}
//
// Keys keep their order; integers keep their digits, whatever their length. All text is tainted (chat/jinja/text.h),
// and keeps its message_bits.
#pragma once
#include "chat/jinja/value.h"

#include <optional>
#include <string_view>

namespace puna::jinja {

// origin: begins error messages. Throws Error for invalid JSON, strings with lone surrogates, numbers beyond the range
// of a double, and nesting beyond the limits. flags: of all text.
Value parse_json(std::string_view json, std::string_view origin, Budget& budget, char32_t flags = from_value);

struct JsonStyle {               // json.dumps's arguments
    std::optional<Text> indent;  // of each level; none: all on one line
    Text item_separator = text_of(", "), key_separator = text_of(": ");
    bool ascii = false;  // ensure_ascii: other characters as \u00e9; transformers' tojson turns it off
    bool sort_keys = false;
};

// Throws Error for values without a JSON form: undefined, functions, generators, dicts whose keys are tuples.
Text dump_json(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace puna::jinja
