// core/json_text.h — writes JSON.
//
//   JsonObject row{{"step", 3}, {"loss", 0.25}, {"ids", std::vector<int>{1, 2}}};
//   row.add("sample", "a \"quoted\" word");
//   std::string line = row.text();       // {"step":3,"loss":0.25,"ids":[1,2],"sample":"a \"quoted\" word"}
//   std::string page = indent_json(line, 2);
//
// Numbers are written with the fewest digits that read back as the same value, NaN and infinities as null; bytes that
// are not UTF-8 become U+FFFD. Names are not checked for duplicates. JSON is read with core/json_document.h.
#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace puna {

class JsonNode;  // core/json_document.h
class JsonObject;
class JsonList;

// A written value.
class JsonText {
 public:
    JsonText(std::nullptr_t) : text_("null") {}
    JsonText(std::same_as<bool> auto value) : text_(value ? "true" : "false") {}
    template <class T>
    requires(std::integral<T> && !std::same_as<T, bool>) JsonText(T value) : text_(std::to_string(value)) {}
    JsonText(double value);
    JsonText(float value);  // 0.7, not 0.699999988079071
    JsonText(std::string_view text);
    JsonText(const std::string& text) : JsonText(std::string_view(text)) {}
    JsonText(const char* text) : JsonText(std::string_view(text)) {}
    template <class T>
    JsonText(const std::vector<T>& items);
    JsonText(const JsonObject& object);
    JsonText(const JsonList& list);

    static JsonText verbatim(std::string_view json);  // a value that is JSON already

    const std::string& text() const { return text_; }

 private:
    std::string text_;
};

class JsonObject {
 public:
    struct Member {
        std::string_view name;
        JsonText value;
    };
    JsonObject(std::initializer_list<Member> members = {});

    void add(std::string_view name, const JsonText& value);
    std::string text() const { return text_ + "}"; }

 private:
    std::string text_ = "{";
};

class JsonList {
 public:
    void add(const JsonText& item);
    std::string text() const { return text_ + "]"; }

 private:
    std::string text_ = "[";
};

template <class T>
JsonText::JsonText(const std::vector<T>& items) {
    JsonList list;
    for (const T& item : items) list.add(item);
    text_ = list.text();
}

// A copy of an object in which these members have these values: in their places, or at the end.
JsonObject with_members(const JsonNode& object, const std::vector<JsonObject::Member>& changed);

std::string quote_json(std::string_view text);  // with its quotes

// The same values without white space, or each member and item of the outer `levels` on a line of its own, which bounds
// the size. json must be valid.
std::string compact_json(std::string_view json);
std::string indent_json(std::string_view json, size_t width, size_t levels = 16);

}  // namespace puna
