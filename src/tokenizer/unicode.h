// tokenizer/unicode.h — the character classes of the split patterns.
//
//   bool letter = class_of(read_character(text, at).code) == CharacterClass::letter;   // an invalid byte is `other`
//
// Unicode 15.0, from generated tables (tools/unicode_tables.py), so that ids do not depend on a library's version.
#pragma once
#include "core/utf8.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace puna {

enum class CharacterClass : uint8_t { other, letter, number, space };  // \p{L}, \p{N}, \s; newlines are spaces

extern const uint32_t unicode_end;       // code points from here on are `other`
extern const uint8_t unicode_block[];    // block index for each 128 code points
extern const uint8_t unicode_classes[];  // 2 bits per code point, 32 bytes per block

extern const uint32_t unicode_word_ranges[];  // first and last of each range, ascending: \w without most letters
extern const size_t unicode_word_range_count;
extern const uint32_t unicode_punctuation_ranges[];  // likewise: \p{P}
extern const size_t unicode_punctuation_range_count;

inline CharacterClass class_of(uint32_t code) {
    if (code >= unicode_end) return CharacterClass::other;
    unsigned four = unicode_classes[unicode_block[code / 128] * 32u + code % 128 / 4];
    return static_cast<CharacterClass>(four >> code % 4 * 2 & 3);
}

bool is_word(uint32_t code);         // \w: letters, marks, decimal digits, connectors and other alphabetic characters
bool is_punctuation(uint32_t code);  // \p{P}

// Whether the code is in one of the ranges: first and last of each, ascending.
bool in_ranges(std::span<const uint32_t> ranges, uint32_t code);

}  // namespace puna
