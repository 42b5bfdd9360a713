// tokenizer/unicode.h — characters of UTF-8 text, and the few classes of them that splitting asks for.
//
//   Character c = read_character(text, at);         // c.size bytes; a byte that is no UTF-8 is a character `other`
//
// Unicode 15.0, from tables of our own (tools/unicode_tables.py), so that ids never depend on a library's version.
#pragma once
#include "core/utf8.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace puna {

enum class CharacterClass : uint8_t { other, letter, number, space };  // \p{L}, \p{N}, \s; newlines are spaces

extern const uint32_t unicode_end;       // from here on every code point is `other`
extern const uint8_t unicode_block[];    // of each 128 code points
extern const uint8_t unicode_classes[];  // two bits a code point, 32 bytes a block

extern const uint32_t unicode_word_ranges[];  // first and last of each run, ascending: \w without most letters
extern const size_t unicode_word_range_count;

constexpr uint32_t not_unicode = 0xffffffff;

struct Character {
    uint32_t code;  // not_unicode: a byte that is no UTF-8
    uint32_t size;  // bytes: 1 to 4
};

inline CharacterClass class_of(uint32_t code) {
    if (code >= unicode_end) return CharacterClass::other;
    unsigned four = unicode_classes[unicode_block[code / 128] * 32u + code % 128 / 4];
    return static_cast<CharacterClass>(four >> code % 4 * 2 & 3);
}

bool is_word(uint32_t code);  // \w: letters, marks, decimal digits, connectors; with Unicode's other alphabetic ones

// Bytes that the first byte of a character promises, itself included; 0 for a byte that begins none.
constexpr uint32_t promised_size(unsigned char first) {
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

// The character at a place inside the text. Strict: no overlong forms, no surrogates, nothing above U+10FFFF.
Character read_character(std::string_view text, size_t at);

Character character_before(std::string_view text, size_t at);  // the one that ends at `at`, which is above 0

// How many bytes at the end of the text are the beginning of a character that further bytes may complete: 0 to 3.
size_t incomplete_tail(std::string_view text);

}  // namespace puna
