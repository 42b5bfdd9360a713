// tokenizer/characters.h — reads a text by the classes of its characters, for the splitters.
//
//   size_t end = skip(text, at, CharacterClass::letter);                   // after the letters from `at` on
//   bool word = begins(text, end, CharacterClass::letter);
#pragma once
#include "tokenizer/unicode.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace puna {

inline constexpr std::array<CharacterClass, 128> ascii_classes = [] {
    std::array<CharacterClass, 128> classes{};
    for (unsigned c = 'a'; c <= 'z'; ++c) classes[c] = classes[c - 'a' + 'A'] = CharacterClass::letter;
    for (unsigned c = '0'; c <= '9'; ++c) classes[c] = CharacterClass::number;
    for (char c : {'\t', '\n', '\v', '\f', '\r', ' '}) classes[static_cast<size_t>(c)] = CharacterClass::space;
    return classes;
}();

struct ClassifiedCharacter {
    CharacterClass kind;
    uint32_t size;  // bytes
};

inline ClassifiedCharacter classify(std::string_view text, size_t at) {
    auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) return {ascii_classes[byte], 1};
    Character c = read_character(text, at);
    return {class_of(c.code), c.size};
}

inline bool is_newline(char c) { return c == '\n' || c == '\r'; }

// Skips characters of this class, at most `max_count`.
inline size_t skip(std::string_view text, size_t at, CharacterClass kind, size_t max_count = SIZE_MAX) {
    for (; at < text.size() && max_count > 0; --max_count) {
        ClassifiedCharacter c = classify(text, at);
        if (c.kind != kind) break;
        at += c.size;
    }
    return at;
}

inline bool begins(std::string_view text, size_t at, CharacterClass kind) {
    return at < text.size() && classify(text, at).kind == kind;
}

// The number of leading ASCII letters in the next 8 bytes.
inline unsigned leading_letters(const char* bytes) {
    static_assert(std::endian::native == std::endian::little);
    constexpr uint64_t ones = 0x0101010101010101, high = 0x80 * ones;
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    uint64_t folded = (word | 0x20 * ones) & ~high;
    uint64_t from_a = folded + (0x80 - 'a') * ones, beyond_z = folded + (0x7f - 'z') * ones;
    uint64_t not_letter = (~from_a | beyond_z | word) & high;
    return static_cast<unsigned>(std::countr_zero(not_letter)) / 8;
}

// The end of the ASCII letters that begin at `at` + lead, at most 15, eight bytes at a time; 0 if there are none or
// more, if another letter might follow, or near the end of the text.
inline size_t ascii_word_end(std::string_view text, size_t at, unsigned lead) {
    if (text.size() - at <= 24) [[unlikely]]
        return 0;
    const char* word = text.data() + at + lead;
    unsigned letters = leading_letters(word);
    if (letters == 8) letters += leading_letters(word + 8);
    bool ends_here = letters < 16 && static_cast<unsigned char>(word[letters]) < 0x80;
    return letters > 0 && ends_here ? at + lead + letters : 0;
}

}  // namespace puna
