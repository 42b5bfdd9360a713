// core/json.h — streaming (SAX-style) reader for untrusted JSON: one pass, no tree.
//
//   read_json(text, path, [&](const JsonEvent& event) {
//       if (event.kind == JsonEvent::key && event.depth == 1) name = event.text;
//   });
//
// Accepts valid JSON (RFC 8259) of any size, with no limits on numbers, strings or depth, with duplicate keys, and with
// NaN and Infinity, which Python's json writes: unused fields never cause errors. Throws Error: "path: not valid JSON
// at byte 17: ...". The callback may throw. Uses no more memory than the text. For access to values by name see
// core/json_document.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace puna {

struct JsonEvent {
    enum Kind : uint8_t {
        begin_object,
        end_object,
        begin_array,
        end_array,
        key,
        string,
        integer,
        number,
        boolean,
        null
    };
    Kind kind;
    int depth;                        // 0 for the top-level value; 1 for its keys, members and items
    std::string_view text;            // key, string: decoded; valid during the callback only
    std::string_view raw;             // the source text; for objects and arrays only the bracket
    int64_t integer_value = 0;        // integer (beyond 64 bits: number instead); boolean: 0 or 1
    double number_value = 0;          // integer, number; infinite on overflow; or NaN
    size_t position = 0;              // bytes consumed, including the closing quote of a key or string
    bool is_whole_number() const;     // an integer, even one beyond 64 bits
    bool has_lone_surrogate = false;  // key, string: a lone surrogate was replaced by U+FFFD in text
};

// remedy: ends the message about invalid JSON, as "download or copy it again"; may be empty.
void read_json(std::string_view text, std::string_view path, const std::function<void(const JsonEvent&)>& on_event,
               std::string_view remedy = {});

}  // namespace puna
