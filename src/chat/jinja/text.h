// chat/jinja/text.h — strings of a template: sequences of Unicode code points, each with flags for its origin.
//
//   Text name = decode_utf8(message.content, from_value);
//   Text line = text_of("<|user|>") + name;                  // written by the template, then by the message
//   std::string bytes = encode_utf8(line);
//
// Taint tracking: the upper eleven bits of each char32_t are flags that slices, joins and replacements copy along with
// the character, and that comparisons and searches ignore. So a control token written by the template can be told from
// message text that spells one, and the words of one message from those of another, whatever the template does with
// that text.
#pragma once
#include <string>
#include <string_view>
#include <utility>

namespace puna::jinja {

inline constexpr char32_t from_value = 1u << 31;       // tainted: from a message, a tool or another variable
inline constexpr char32_t generated = 1u << 30;        // written in a {% generation %} block
inline constexpr char32_t escaped = 1u << 29;          // Markup: the result of `| safe` or `| escape`
inline constexpr char32_t message_bits = 0xffu << 21;  // of words of a message: 1 to 254 of an answer, 255 of another
inline constexpr char32_t flag_bits = from_value | generated | escaped | message_bits;

inline constexpr size_t answer_flags = 254;
constexpr char32_t answer_flag(size_t answer) { return static_cast<char32_t>(answer % answer_flags + 1) << 21; }
inline constexpr char32_t other_message = 255u << 21;

constexpr char32_t code_of(char32_t c) { return c & ~flag_bits; }  // without flags

// Compares code points without their flags.
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

// Lossless for any input: each byte that is not valid UTF-8 becomes one character, which encodes to that byte again.
Text decode_utf8(std::string_view bytes, char32_t flags);
inline Text text_of(std::string_view bytes) { return decode_utf8(bytes, 0); }  // as the template's own
std::string encode_utf8(TextView text);
void append_utf8(std::string& bytes, char32_t c);

Text with_flag(Text text, char32_t flag);
Text without_flag(Text text, char32_t flag);
inline Text tainted(Text text) { return with_flag(std::move(text), from_value); }
// If the words of one message only are in it, as in the JSON of a call, all of it is that message's.
Text as_one_message(Text text);
inline bool is_escaped(TextView text) { return !text.empty() && (text[0] & escaped); }  // all characters, or none

}  // namespace puna::jinja
