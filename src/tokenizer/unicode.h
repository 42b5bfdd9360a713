// tokenizer/unicode.h — decodes UTF-8 text, and the character classes of the split pattern.
//
//   Character c = read_character(text, at);         // c.size bytes; an invalid byte has class `other`
//
// Unicode 15.0, from generated tables (tools/unicode_tables.py), so that ids do not depend on a library's version.
#pragma once
#include "core/utf8.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace puna {

enum class CharacterClass : uint8_t { other, letter, number, space };  // \p{L}, \p{N}, \s; newlines are spaces

extern const uint32_t unicode_end;       // code points from here on are `other`
extern const uint8_t unicode_block[];    // block index for each 128 code points
extern const uint8_t unicode_classes[];  // 2 bits per code point, 32 bytes per block

extern const uint32_t unicode_word_ranges[];  // first and last of each range, ascending: \w without most letters
extern const size_t unicode_word_range_count;

constexpr uint32_t not_unicode = 0xffffffff;

struct Character {
    uint32_t code;  // not_unicode: an invalid byte
    uint32_t size;  // bytes: 1 to 4
};

inline CharacterClass class_of(uint32_t code) {
    if (code >= unicode_end) return CharacterClass::other;
    unsigned four = unicode_classes[unicode_block[code / 128] * 32u + code % 128 / 4];
    return static_cast<CharacterClass>(four >> code % 4 * 2 & 3);
}

bool is_word(uint32_t code);  // \w: letters, marks, decimal digits, connectors and other alphabetic characters

// The length in bytes of a UTF-8 sequence by its first byte; 0 if the byte cannot begin one.
constexpr uint32_t sequence_size(unsigned char first) {
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

// The character at position `at` < text.size(). Strict: no overlong forms, surrogates or code points above U+10FFFF.
Character read_character(std::string_view text, size_t at);

Character character_before(std::string_view text, size_t at);  // the one that ends at `at` > 0

// The number of bytes at the end of the text that begin an incomplete but valid character: 0 to 3.
size_t incomplete_tail(std::string_view text);

}  // namespace puna
