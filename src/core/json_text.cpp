#include "core/json_text.h"

#include "core/json_document.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <nlohmann/json.hpp>

namespace puna {

namespace {

std::string dump(const nlohmann::json& value) {
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Calls on_text(string) for each string, with its quotes, on_sign(c) for every other character except white space.
template <class OnText, class OnSign>
void for_each_token(std::string_view json, OnText on_text, OnSign on_sign) {
    for (size_t at = 0; at < json.size();) {
        size_t end = at + 1;
        if (json[at] == '"') {
            while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
            end = std::min(end + 1, json.size());
            on_text(json.substr(at, end - at));
        } else if (std::string_view(" \t\r\n").find(json[at]) == std::string_view::npos) {
            on_sign(json[at]);
        }
        at = end;
    }
}

}  // namespace

JsonText::JsonText(double value) : text_(dump(value)) {}
JsonText::JsonText(float value) : JsonText(std::strtod(fmt::format("{}", value).c_str(), nullptr)) {}
JsonText::JsonText(std::string_view text) : text_(quote_json(text)) {}
JsonText::JsonText(const JsonObject& object) : text_(object.text()) {}
JsonText::JsonText(const JsonList& list) : text_(list.text()) {}

JsonText JsonText::verbatim(std::string_view json) {
    JsonText value(nullptr);
    value.text_ = json;
    return value;
}

JsonObject::JsonObject(std::initializer_list<Member> members) {
    for (const Member& member : members) add(member.name, member.value);
}

void JsonObject::add(std::string_view name, const JsonText& value) {
    text_ += (text_.size() > 1 ? "," : "") + quote_json(name) + ":" + value.text();
}

void JsonList::add(const JsonText& item) { text_ += (text_.size() > 1 ? "," : "") + item.text(); }

JsonObject with_members(const JsonNode& object, const std::vector<JsonObject::Member>& changed) {
    JsonObject copy;
    for (const JsonMember& member : object.unique_members()) {
        auto same = [&](const JsonObject::Member& other) { return other.name == member.name; };
        auto found = std::find_if(changed.begin(), changed.end(), same);
        copy.add(member.name, found == changed.end() ? JsonText::verbatim(member.value.raw()) : found->value);
    }
    for (const JsonObject::Member& member : changed)
        if (!object.find_any(member.name)) copy.add(member.name, member.value);
    return copy;
}

std::string quote_json(std::string_view text) { return dump(text); }

std::string compact_json(std::string_view json) {
    std::string compact;
    for_each_token(
        json, [&](std::string_view text) { compact += text; }, [&](char sign) { compact += sign; });
    return compact;
}

std::string indent_json(std::string_view json, size_t width, size_t levels) {
    std::string indented;
    size_t depth = 0;
    bool opened = false;  // the object or array that opened last is empty so far
    auto break_line = [&](std::string_view space) {
        indented += depth <= levels ? "\n" + std::string(depth * width, ' ') : std::string(space);
    };
    auto begin_value = [&] {
        if (std::exchange(opened, false)) break_line("");
    };
    auto close = [&](char sign) {
        bool breaks = depth-- <= levels && !opened;
        opened = false;
        if (breaks) break_line("");
        indented += sign;
    };
    auto on_text = [&](std::string_view text) {
        begin_value();
        indented += text;
    };
    auto on_sign = [&](char sign) {
        if (sign == '}' || sign == ']') return close(sign);
        begin_value();
        indented += sign;
        opened = sign == '{' || sign == '[';
        if (opened) ++depth;
        if (sign == ',') break_line(" ");
        if (sign == ':') indented += ' ';
    };
    for_each_token(json, on_text, on_sign);
    return indented;
}

}  // namespace puna
