#include "chat/jinja/json.h"

#include "core/error.h"
#include "core/json_document.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace puna::jinja {

using Kind = Value::Kind;

namespace {

class JsonBuilder {
 public:
    JsonBuilder(Budget& budget, char32_t flags) : budget_(budget), flags_(flags) {}

    Value build(JsonNode node) {
        if (node.is_object()) return dict(node);
        if (node.is_array()) return list(node);
        if (node.is_string()) return text(node.text());
        if (node.is_number()) return number(node);
        if (node.is_boolean()) return node.boolean();
        return None{};
    }

 private:
    Value dict(JsonNode node) {
        Dict dict;
        for (const JsonMember& member : node.members()) dict.set(text(member.name), build(member.value), budget_);
        return make_dict(std::move(dict), budget_);
    }

    Value list(JsonNode node) {
        std::vector<Value> items;
        for (JsonNode item : node.items()) items.push_back(build(item));
        return make_list(std::move(items), budget_);
    }

    Value text(std::string_view utf8) {
        budget_.write(utf8.size());
        return decode_utf8(utf8, flags_);
    }

    static Value number(JsonNode node) {
        std::string_view raw = node.raw();
        if (std::optional<int64_t> value = node.try_integer()) return *value;
        if (node.is_whole_number()) return BigInteger{std::make_shared<const std::string>(raw)};
        if (raw == "NaN") return std::numeric_limits<double>::quiet_NaN();
        if (raw.ends_with("Infinity")) return raw[0] == '-' ? -HUGE_VAL : HUGE_VAL;
        return node.number();
    }

    Budget& budget_;
    char32_t flags_;
};

class JsonWriter {
 public:
    JsonWriter(const JsonStyle& style, Budget& budget) : style_(style), budget_(budget) {}

    void dump(const Value& value) {
        budget_.step();
        if (value.is_text()) {
            dump_text(value.text());
        } else if (value.is_list() && value.list().kind != ListKind::range && value.list().kind != ListKind::view) {
            dump_items(value.items(), "[", "]", [this](const Value& item) { dump(item); });
        } else if (value.is_dict()) {
            dump_dict(value.dict());
        } else {
            write(scalar(value));
        }
    }
    Text text() { return as_one_message(tainted(std::move(out_))); }

 private:
    static std::string scalar(const Value& value) {
        switch (value.kind()) {
            case Kind::none:
                return "null";
            case Kind::boolean:
                return value.boolean() ? "true" : "false";
            case Kind::integer:
                return fmt::format("{}", value.integer());
            case Kind::big_integer:
                return value.digits();
            case Kind::floating:
                if (std::isnan(value.floating())) return "NaN";
                if (std::isinf(value.floating())) return value.floating() < 0 ? "-Infinity" : "Infinity";
                return float_repr(value.floating());
            default:
                fail("object of type '{}' is not JSON serializable", type_name(value));
        }
    }

    template <class Items, class F>
    void dump_items(const Items& items, std::string_view open, std::string_view close, F dump_item) {
        write(open);
        ++depth_;
        for (size_t i = 0; i < items.size(); ++i) {
            if (i > 0) write(style_.item_separator);
            break_line();
            dump_item(items[i]);
        }
        --depth_;
        if (!items.empty()) break_line();
        write(close);
    }

    void dump_dict(const Dict& dict) {
        std::vector<Dict::Item> items = dict.items();
        if (style_.sort_keys)
            std::stable_sort(items.begin(), items.end(), [this](const Dict::Item& a, const Dict::Item& b) {
                return less(a.first, b.first, budget_);
            });
        dump_items(items, "{", "}", [this](const Dict::Item& item) {
            dump_text(key_text(item.first));
            write(style_.key_separator);
            dump(item.second);
        });
    }

    static Text key_text(const Value& key) {
        if (key.is_text()) return key.text();
        if (key.is_list()) fail("a tuple cannot be a key of a JSON object");
        return text_of(scalar(key));
    }

    void dump_text(const Text& text) {
        write("\"");
        for (char32_t c : text) dump_character(code_of(c), c & message_bits);
        write("\"");
    }

    void dump_character(char32_t code, char32_t flags) {
        constexpr std::string_view escaped = "\"\\\n\r\t\b\f", letters = "\"\\nrtbf";
        size_t at = code < 0x80 ? escaped.find(static_cast<char>(code)) : escaped.npos;
        if (at != escaped.npos)
            write(std::string{'\\', letters[at]}, flags);
        else if (code < 0x20 || (code >= 0x7f && style_.ascii))
            write(escape(static_cast<uint32_t>(code)), flags);
        else
            write(Text(1, code | flags));
    }

    static std::string escape(uint32_t code) {
        if (code < 0x10000) return fmt::format("\\u{:04x}", code);
        return fmt::format("\\u{:04x}\\u{:04x}", 0xd7c0 + (code >> 10),
                           0xdc00 + (code & 0x3ff));  // a UTF-16 surrogate pair
    }

    void break_line() {
        if (!style_.indent) return;
        write("\n");
        for (int i = 0; i < depth_; ++i) write(*style_.indent);
    }

    void write(std::string_view ascii, char32_t flags = 0) { write(decode_utf8(ascii, flags)); }
    void write(const Text& text) {
        budget_.write(text.size());
        out_ += text;
    }

    const JsonStyle& style_;
    Budget& budget_;
    int depth_ = 0;
    Text out_;
};

}  // namespace

// The budget bounds size and number of values, of which none is free.
Value parse_json(std::string_view json, std::string_view origin, Budget& budget, char32_t flags) {
    JsonDocument document(json, origin,
                          {.bytes = std::numeric_limits<size_t>::max(),
                           .values = static_cast<size_t>(budget.limits().characters),
                           .depth = budget.limits().depth});
    return JsonBuilder(budget, flags).build(document.root());
}

Text dump_json(const Value& value, const JsonStyle& style, Budget& budget) {
    JsonWriter writer(style, budget);
    writer.dump(value);
    return writer.text();
}

}  // namespace puna::jinja
