// core/json.h — JSON from outside, read in one pass as events: no tree, so memory is what the reader keeps.
//
//   read_json(text, path, [&](const JsonEvent& event) {
//       if (event.kind == JsonEvent::key && event.depth == 1) name = event.text;
//   });
//
// The text must be valid JSON (RFC 8259), of any size: numbers, strings and depth have no limits, and keys may repeat,
// so that fields nobody reads cannot fail. Throws Error: "path: not valid JSON at byte 17: ...". Callers may throw from
// the callback. Takes no more memory than the text itself has. JSON is written with nlohmann::json in .cpp files.
// core/json_value.h gives parts of a text by name.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace puna {

struct JsonEvent {
    enum Kind { begin_object, end_object, begin_array, end_array, key, string, integer, number, boolean, null };
    Kind kind;
    int depth;                        // 0 at the top value; a key or value of the top object has 1
    std::string_view text;            // key, string; valid during the call only
    std::string_view raw;             // the value or key as the text spells it; of an object or array the one bracket
    int64_t integer_value = 0;        // integer; one that does not fit arrives as a number. boolean: 0 or 1
    double number_value = 0;          // integer, number; infinite beyond the range of a double
    size_t position = 0;              // bytes read so far; just past the closing quote of a key or string
    bool is_whole_number() const;     // an integer, or a number that is one but for its size
    bool has_lone_surrogate = false;  // key, string: half of a surrogate pair became U+FFFD in text
};

void read_json(std::string_view text, std::string_view path, const std::function<void(const JsonEvent&)>& on_event);

}  // namespace puna
