#include "core/json_value.h"

#include "core/error.h"

#include <charconv>

namespace puna {

namespace {

// Passes on the keys and values of the top-level object or array. Returns false if the text is of another kind.
bool read_level(std::string_view json, std::string_view where, JsonEvent::Kind top,
                const std::function<void(std::string_view)>& on_key,
                const std::function<void(const JsonValue&)>& on_value) {
    bool matches = false;
    const char* begin = nullptr;  // of a nested object or array
    read_json(json, where, [&](const JsonEvent& event) {
        if (event.depth == 0) matches = matches || event.kind == top;
        if (event.depth != 1 || !matches) return;
        switch (event.kind) {
            case JsonEvent::key:
                return on_key(event.text);
            case JsonEvent::begin_object:
            case JsonEvent::begin_array:
                begin = event.raw.data();
                return;
            case JsonEvent::end_object:
            case JsonEvent::end_array:
                return on_value({event.kind == JsonEvent::end_object ? JsonEvent::begin_object : JsonEvent::begin_array,
                                 {begin, static_cast<size_t>(event.raw.data() + 1 - begin)}});
            default:
                return on_value({event.kind, event.raw});
        }
    });
    return matches;
}

}  // namespace

bool for_each_member(std::string_view json, std::string_view where,
                     const std::function<void(std::string_view, const JsonValue&)>& on_member) {
    std::string name;
    return read_level(
        json, where, JsonEvent::begin_object, [&](std::string_view key) { name = key; },
        [&](const JsonValue& value) { on_member(name, value); });
}

bool for_each_item(std::string_view json, std::string_view where,
                   const std::function<void(const JsonValue&)>& on_item) {
    return read_level(json, where, JsonEvent::begin_array, {}, on_item);
}

std::optional<JsonValue> find_member(std::string_view json, std::string_view name, std::string_view where) {
    std::optional<JsonValue> found;
    for_each_member(json, where, [&](std::string_view key, const JsonValue& value) {
        if (key == name) found = value;
    });
    return found;
}

std::optional<JsonValue> first_item(std::string_view json, std::string_view where) {
    std::optional<JsonValue> found;
    for_each_item(json, where, [&](const JsonValue& item) {
        if (!found) found = item;
    });
    return found;
}

std::optional<int64_t> integer_of(const JsonValue& value) {
    int64_t integer = 0;
    const char *begin = value.raw.data(), *end = begin + value.raw.size();
    if (value.kind != JsonEvent::integer || std::from_chars(begin, end, integer).ptr != end) return {};
    return integer;
}

std::string text_of(const JsonValue& string, std::string_view where) {
    check(string.is_string(), "text_of: not a string");
    std::string text;
    read_json(string.raw, where, [&](const JsonEvent& event) {
        if (event.has_lone_surrogate)
            fail(
                "{}: a string contains a lone surrogate (\\ud800 to \\udfff), which is not a character: remove it or "
                "write its pair",
                where);
        text = event.text;
    });
    return text;
}

std::string compact_json(std::string_view json) {
    std::string compact;
    bool in_string = false;
    for (size_t i = 0; i < json.size(); ++i) {
        char c = json[i];
        if (!in_string && (c == ' ' || c == '\n' || c == '\r' || c == '\t')) continue;
        compact += c;
        if (in_string && c == '\\' && i + 1 < json.size()) compact += json[++i];
        if (c == '"') in_string = !in_string;
    }
    return compact;
}

}  // namespace puna
