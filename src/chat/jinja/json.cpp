#include "chat/jinja/json.h"

#include "core/error.h"
#include "core/json.h"

#include <algorithm>
#include <cmath>

namespace puna::jinja {

using Kind = Value::Kind;

namespace {

// Builds a value from the events of the JSON reader.
class JsonBuilder {
 public:
    JsonBuilder(std::string_view origin, Budget& budget) : origin_(origin), budget_(budget) {}

    void on_event(const JsonEvent& event) {
        if (event.depth > budget_.limits().depth)
            fail("{}: lists and objects nest more than {} deep", origin_, budget_.limits().depth);
        if (event.has_lone_surrogate)
            fail(
                "{}: a string contains a lone surrogate (\\ud800 to \\udfff), which is not a character: remove it or "
                "write its pair",
                origin_);
        switch (event.kind) {
            case JsonEvent::begin_object:
            case JsonEvent::begin_array:
                open_.emplace_back();
                break;
            case JsonEvent::end_object:
            case JsonEvent::end_array:
                close(event.kind == JsonEvent::end_object);
                break;
            case JsonEvent::key:
                open_.back().key = text(event);
                break;
            default:
                add(scalar(event));
        }
    }
    Value result() { return std::move(result_); }

 private:
    struct Level {
        Value key;
        std::vector<Value> items;
        Dict dict;
    };

    Value text(const JsonEvent& event) {
        budget_.write(event.text.size());
        return decode_utf8(event.text, from_value);
    }

    Value scalar(const JsonEvent& event) {
        switch (event.kind) {
            case JsonEvent::string:
                return text(event);
            case JsonEvent::integer:
                return event.integer_value;
            case JsonEvent::number:
                return number(event);
            case JsonEvent::boolean:
                return event.integer_value != 0;
            default:
                return None{};
        }
    }

    Value number(const JsonEvent& event) const {
        if (!event.is_whole_number()) {
            if (!std::isinf(event.number_value) || event.raw.ends_with("Infinity")) return event.number_value;
            fail("{}: {} is beyond the range of a double", origin_, printable(event.raw));
        }
        return BigInteger{std::make_shared<const std::string>(event.raw)};
    }

    void close(bool is_object) {
        Level level = std::move(open_.back());
        open_.pop_back();
        add(is_object ? make_dict(std::move(level.dict), budget_) : make_list(std::move(level.items), budget_));
    }

    void add(Value value) {
        if (open_.empty()) {
            result_ = std::move(value);
        } else if (open_.back().key.is_undefined()) {
            open_.back().items.push_back(std::move(value));
        } else {
            open_.back().dict.set(open_.back().key, std::move(value), budget_);
        }
    }

    std::string_view origin_;
    Budget& budget_;
    std::vector<Level> open_;  // lists and objects, the innermost last
    Value result_;
};

class JsonWriter {
 public:
    JsonWriter(const JsonStyle& style, Budget& budget) : style_(style), budget_(budget) {}

    void dump(const Value& value) {
        budget_.step();
        if (value.is_text()) {
            dump_text(value.text());
        } else if (value.is_list()) {
            dump_items(value.items(), "[", "]", [this](const Value& item) { dump(item); });
        } else if (value.is_dict()) {
            dump_dict(value.dict());
        } else {
            write(scalar(value));
        }
    }
    Text text() { return tainted(std::move(out_)); }

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
        for (char32_t c : text) dump_character(code_of(c));
        write("\"");
    }

    void dump_character(char32_t code) {
        constexpr std::string_view escaped = "\"\\\n\r\t\b\f", letters = "\"\\nrtbf";
        size_t at = code < 0x80 ? escaped.find(static_cast<char>(code)) : escaped.npos;
        if (at != escaped.npos)
            write(std::string{'\\', letters[at]});
        else if (code < 0x20 || (code >= 0x7f && style_.ascii))
            write(escape(static_cast<uint32_t>(code)));
        else
            write(Text(1, code));
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

    void write(std::string_view ascii) { write(text_of(ascii)); }
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

Value parse_json(std::string_view json, std::string_view origin, Budget& budget) {
    JsonBuilder builder(origin, budget);
    read_json(json, origin, [&builder](const JsonEvent& event) { builder.on_event(event); });
    return builder.result();
}

Text dump_json(const Value& value, const JsonStyle& style, Budget& budget) {
    JsonWriter writer(style, budget);
    writer.dump(value);
    return writer.text();
}

}  // namespace puna::jinja
