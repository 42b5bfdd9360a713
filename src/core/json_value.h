// core/json_value.h — members and items of a JSON text, as unparsed views into it.
//
//   for_each_member(R"({"text": "Hi", "id": 7})", "chat.jsonl:7", [&](std::string_view name, const JsonValue& value) {
//       if (name == "text") text = text_of(value, "chat.jsonl:7");
//   });
//
// Values are converted only on demand, so numbers keep their digits. The text is parsed once per nesting level.
#pragma once
#include "core/json.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace puna {

struct JsonValue {
    JsonEvent::Kind kind = JsonEvent::null;  // begin_object, begin_array: a complete object or array
    std::string_view raw;

    bool is_object() const { return kind == JsonEvent::begin_object; }
    bool is_array() const { return kind == JsonEvent::begin_array; }
    bool is_string() const { return kind == JsonEvent::string; }
    bool is_number() const { return kind == JsonEvent::number || kind == JsonEvent::integer; }
};

// Both parse the whole text and return false if it is valid JSON but not an object (array). Errors are thrown as Error
// with messages that begin with `where`; callbacks may throw too.
bool for_each_member(std::string_view json, std::string_view where,
                     const std::function<void(std::string_view name, const JsonValue& value)>& on_member);
bool for_each_item(std::string_view json, std::string_view where,
                   const std::function<void(const JsonValue& item)>& on_item);
// The last member of this name, as in Python's json, and the first item; none if there is none, or for other values.
std::optional<JsonValue> find_member(std::string_view json, std::string_view name, std::string_view where);
std::optional<JsonValue> first_item(std::string_view json, std::string_view where);

std::optional<int64_t> integer_of(const JsonValue& value);  // none: another kind, or beyond 64 bits
std::string text_of(const JsonValue& string, std::string_view where);
std::string compact_json(std::string_view json);  // removes whitespace outside strings; json must be valid

}  // namespace puna
