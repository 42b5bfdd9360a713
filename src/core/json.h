// core/json.h — JSON from outside, read in one pass as events: no tree, so memory is what the reader keeps.
//
//   read_json(text, path, [&](const JsonEvent& event) {
//       if (event.kind == JsonEvent::key && event.depth == 1) name = event.text;
//   });
//
// Strings longer than 64 KiB (or what the caller allows) and nesting deeper than 64 are refused, so that no content
// makes the reader itself take more memory than that. Throws Error: "path: not valid JSON at byte 17: ...". Callers may
// throw from the callback. JSON of our own making is read and written with nlohmann::json in .cpp files.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace puna {

struct JsonEvent {
    enum Kind { begin_object, end_object, begin_array, end_array, key, string, integer, number, boolean, null };
    Kind kind;
    int depth;                  // 0 at the top value; a key or value of the top object has 1
    std::string_view text;      // key, string; valid during the call only
    int64_t integer_value = 0;  // integer; one that does not fit arrives as a number. boolean: 0 or 1
    double number_value = 0;    // integer, number
    size_t position = 0;        // bytes read so far; just past the closing quote of a key or string
};

void read_json(std::string_view text, std::string_view path, const std::function<void(const JsonEvent&)>& on_event,
               size_t longest_string = 64 << 10);

}  // namespace puna
