// core/json_value.h — parts of a JSON text by name, each as the text spells it.
//
//   for_each_member(R"({"text": "Hi", "id": 7})", "chat.jsonl:7", [&](std::string_view name, const JsonValue& value) {
//       if (name == "text") text = text_of(value, "chat.jsonl:7");
//   });
//
// Nothing is converted before it is asked for, so numbers keep their digits. The text is read once for each level.
// Values are views into it.
#pragma once
#include "core/json.h"

#include <functional>
#include <string>
#include <string_view>

namespace puna {

struct JsonValue {
    JsonEvent::Kind kind = JsonEvent::null;  // begin_object, begin_array: the whole of one
    std::string_view raw;

    bool is_object() const { return kind == JsonEvent::begin_object; }
    bool is_array() const { return kind == JsonEvent::begin_array; }
    bool is_string() const { return kind == JsonEvent::string; }
};

// Both read all of the text; false: it is valid, but no object, or no array. All throw Error, beginning with `place`; a
// callback may throw too.
bool for_each_member(std::string_view json, std::string_view place,
                     const std::function<void(std::string_view name, const JsonValue& value)>& on_member);
bool for_each_item(std::string_view json, std::string_view place,
                   const std::function<void(const JsonValue& item)>& on_item);
std::string text_of(const JsonValue& string, std::string_view place);
std::string compact_json(std::string_view json);  // valid JSON without the blanks between its parts

}  // namespace puna
