// chat/jinja/text.h — text as a template sees it: a sequence of code points, each of which knows where it came from.
//
//   Text name = decode_utf8(message.content, from_value);
//   Text line = text_of("<|user|>") + name;                  // what the template wrote, what the message said
//   std::string bytes = encode_utf8(line);
//
// Two bits above a code point say whether a value wrote it and whether it stands in a {% generation %} block. They go
// wherever the character goes (slices, joins, replacements), and comparisons and searches ignore them. So a control
// token can be told from text that merely spells one, whatever a template does with that text. A third bit marks what
// Jinja2 calls markup, the result of `| safe` or `| escape`.
#pragma once
#include <string>
#include <string_view>
#include <utility>

namespace puna::jinja {

inline constexpr char32_t from_value = 1u << 31;
inline constexpr char32_t generated = 1u << 30;
inline constexpr char32_t escaped = 1u << 29;
inline constexpr char32_t flag_bits = from_value | generated | escaped;

constexpr char32_t code_of(char32_t c) { return c & ~flag_bits; }

struct CodeTraits : std::char_traits<char32_t> {
    static constexpr bool eq(char32_t a, char32_t b) { return code_of(a) == code_of(b); }
    static constexpr bool lt(char32_t a, char32_t b) { return code_of(a) < code_of(b); }
    static constexpr int compare(const char32_t* a, const char32_t* b, size_t n) {
        for (size_t i = 0; i < n; ++i)
            if (!eq(a[i], b[i])) return lt(a[i], b[i]) ? -1 : 1;
        return 0;
    }
    static constexpr const char32_t* find(const char32_t* text, size_t n, const char32_t& wanted) {
        for (size_t i = 0; i < n; ++i)
            if (eq(text[i], wanted)) return text + i;
        return nullptr;
    }
};

using Text = std::basic_string<char32_t, CodeTraits>;
using TextView = std::basic_string_view<char32_t, CodeTraits>;

// A byte that is no UTF-8 is one character, and that byte again when it is encoded.
Text decode_utf8(std::string_view bytes, char32_t flags);
inline Text text_of(std::string_view bytes) { return decode_utf8(bytes, 0); }  // the template's own
std::string encode_utf8(TextView text);
void append_utf8(std::string& bytes, char32_t c);

Text with_flag(Text text, char32_t flag);
Text without_flag(Text text, char32_t flag);
inline Text tainted(Text text) { return with_flag(std::move(text), from_value); }
inline bool is_escaped(TextView text) { return !text.empty() && (text[0] & escaped); }  // all of it, or none

}  // namespace puna::jinja
