#include "tokenizer/json_text.h"

#include "core/error.h"
#include "core/json.h"

#include <cmath>

namespace puna {

namespace {

using Kind = JsonEvent::Kind;

constexpr int max_depth = 64;  // indenting deeper ones would take a lot of memory

bool is_whole(std::string_view number) { return number.find_first_of(".eE") == number.npos; }

// As Python does: whole numbers keep their digits, others are the shortest that read back, with a point or an exponent.
std::string spell_number(const JsonEvent& event) {
    if (is_whole(event.spelled)) return std::string(event.spelled);
    std::string text = fmt::format("{}", event.number_value);
    if (text.find_first_of(".e") == text.npos) text += ".0";
    return text;
}

class Speller {
 public:
    explicit Speller(int indent) : indent_(indent) {}

    void on_event(const JsonEvent& event) {
        bool ends = event.kind == Kind::end_object || event.kind == Kind::end_array;
        if (ends) {
            if (!first_) break_line(event.depth);
            text_ += event.kind == Kind::end_object ? '}' : ']';
        } else {
            if (!after_key_) begin_item(event.depth);
            text_ += spell(event);
        }
        first_ = event.kind == Kind::begin_object || event.kind == Kind::begin_array;
        after_key_ = event.kind == Kind::key;
    }
    const std::string& text() const { return text_; }

 private:
    void begin_item(int depth) {
        if (depth == 0) return;
        if (!first_) text_ += indent_ ? "," : ", ";
        break_line(depth);
    }
    void break_line(int depth) {
        if (indent_ == 0) return;
        text_ += '\n';
        text_.append(static_cast<size_t>(indent_ * depth), ' ');
    }
    static std::string spell(const JsonEvent& event) {
        switch (event.kind) {
            case Kind::begin_object:
                return "{";
            case Kind::begin_array:
                return "[";
            case Kind::key:
                return quote_json(event.text) + ": ";
            case Kind::string:
                return quote_json(event.text);
            case Kind::integer:
                return fmt::format("{}", event.integer_value);
            case Kind::number:
                return spell_number(event);
            case Kind::boolean:
                return event.integer_value ? "true" : "false";
            default:
                return "null";
        }
    }

    int indent_;
    std::string text_;
    bool first_ = true;  // in its object or array
    bool after_key_ = false;
};

}  // namespace

std::string respell_json(std::string_view json, std::string_view place, int indent) {
    Speller speller(indent);
    read_json(json, place, [&](const JsonEvent& event) {
        if (event.depth > max_depth) fail("{}: nested deeper than {}", place, max_depth);
        if (event.has_lone_surrogate) fail("{}: a string has half of a surrogate pair, which is no character", place);
        if (std::isinf(event.number_value) && !is_whole(event.spelled))
            fail("{}: {} is beyond the range of a double", place, printable(event.spelled));
        speller.on_event(event);
    });
    return speller.text();
}

std::string quote_json(std::string_view text) {
    std::string quoted = "\"";
    for (char c : text) {
        constexpr std::string_view escaped = "\"\\\n\r\t\b\f", letters = "\"\\nrtbf";
        if (size_t at = escaped.find(c); at != escaped.npos) {
            quoted += '\\';
            quoted += letters[at];
        } else if (static_cast<unsigned char>(c) < 0x20) {
            quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            quoted += c;
        }
    }
    return quoted += '"';
}

}  // namespace puna
