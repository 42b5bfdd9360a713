// core/utf8.h — UTF-8: decoding, validation, encoding.
//
//   Character c = read_character("\xc3\xa9 is a letter", 0);       // code 0xe9, size 2
//   Utf8Errors errors = find_utf8_errors(text);                    // errors.count == 0: valid
//
// Strict, as in table 3-7 of the Unicode Standard: no overlong forms, no surrogates, nothing above U+10FFFF. For
// character classes see tokenizer/unicode.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace puna {

constexpr uint32_t not_unicode = 0xffffffff;

struct Character {
    uint32_t code;  // not_unicode: an invalid byte
    uint32_t size;  // bytes: 1 to 4
};

Character read_character(std::string_view text, size_t at);    // the one at `at` < text.size()
Character character_before(std::string_view text, size_t at);  // the one that ends at `at` > 0

// Length in bytes of the first character; 0 if the text is empty or does not start with a valid character.
size_t utf8_length(std::string_view text);

// The number of bytes at the end of the text that begin an incomplete but valid character: 0 to 3.
size_t incomplete_tail(std::string_view text);

struct Utf8Errors {
    size_t count = 0;  // bytes that are not part of a valid character
    size_t first = 0;  // offset of the first of them
};
Utf8Errors find_utf8_errors(std::string_view text);

void append_utf8(std::string& text, uint32_t code);  // code: a Unicode scalar value

}  // namespace puna
