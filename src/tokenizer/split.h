// tokenizer/split.h — pre-tokenizer: splits text into pieces by Llama 3's pattern.
//
//   for (size_t at = 0; at < text.size(); at = piece_end(text, at)) starts.push_back(at);
//
// Hand-written for this pattern; a piece depends only on the text from its beginning on. An invalid UTF-8 byte counts
// as a character that is neither letter nor number nor space.
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

size_t general_piece_end(std::string_view text, size_t at);

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

// 1 for ASCII characters that can precede the letters of a piece, except the apostrophe, which may begin "'s".
inline constexpr std::array<uint8_t, 256> can_lead = [] {
    std::array<uint8_t, 256> leads{};
    for (unsigned c = 0; c < 128; ++c) {
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z', number = c >= '0' && c <= '9';
        leads[c] = !letter && !number && c != '\n' && c != '\r' && c != '\'';
    }
    return leads;
}();

// The end of the piece that begins at `at` < text.size(). Fast path for ASCII words with or without a leading
// character: eight bytes at a time.
inline size_t piece_end(std::string_view text, size_t at) {
    if (text.size() - at > 24) [[likely]] {
        const char* word = text.data() + at + can_lead[static_cast<unsigned char>(text[at])];
        unsigned letters = leading_letters(word);
        if (letters == 8) letters += leading_letters(word + 8);
        bool ends_here = letters < 16 && static_cast<unsigned char>(word[letters]) < 0x80;
        if (letters > 0 && ends_here) [[likely]]
            return static_cast<size_t>(word - text.data()) + letters;
    }
    return general_piece_end(text, at);
}

// The first position from `at` on that is a piece boundary whatever precedes and follows it, so that both sides can be
// encoded separately. text.size() if there is none.
size_t safe_cut(std::string_view text, size_t at);

}  // namespace puna
