// tokenizer/split.h — cuts text into the pieces that byte-level BPE works on, by Llama 3's pattern.
//
//   for (size_t at = 0; at < text.size(); at = end) { end = piece_end(text, at); ... }
//
// Written by hand for this one pattern; a piece depends on the text from its own beginning on only. A byte that is no
// UTF-8 counts as a character that is neither letter nor number nor space.
#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace puna {

// As tokenizer.json spells it.
inline constexpr std::string_view llama3_pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

size_t any_piece_end(std::string_view text, size_t at);

// Of the next 8 bytes, how many at the beginning are ASCII letters.
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

// 1 for ASCII characters that may stand before the letters of a piece, but for the apostrophe, which may begin "'s".
inline constexpr std::array<uint8_t, 256> may_lead = [] {
    std::array<uint8_t, 256> leads{};
    for (unsigned c = 0; c < 128; ++c) {
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z', number = c >= '0' && c <= '9';
        leads[c] = !letter && !number && c != '\n' && c != '\r' && c != '\'';
    }
    return leads;
}();

// The end of the piece that begins at `at`, which lies inside the text. Most pieces are a word of ASCII letters with or
// without a character before it: those are measured eight bytes at a time.
inline size_t piece_end(std::string_view text, size_t at) {
    if (text.size() - at > 24) [[likely]] {
        const char* word = text.data() + at + may_lead[static_cast<unsigned char>(text[at])];
        unsigned letters = leading_letters(word);
        if (letters == 8) letters += leading_letters(word + 8);
        bool ends_here = letters < 16 && static_cast<unsigned char>(word[letters]) < 0x80;
        if (letters > 0 && ends_here) [[likely]]
            return static_cast<size_t>(word - text.data()) + letters;
    }
    return any_piece_end(text, at);
}

// The first place from `at` on where every cut of the text has a boundary, whatever stands before and after: the two
// sides can be encoded apart. text.size() if there is none.
size_t safe_cut(std::string_view text, size_t at);

}  // namespace puna
