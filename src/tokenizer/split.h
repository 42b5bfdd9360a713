// tokenizer/split.h — Llama 3's split pattern.
//
//   for (size_t at = 0; at < text.size(); at = piece_end(text, at)) starts.push_back(at);
//
// Hand-written for this pattern; see tokenizer/split_pattern.h for the others, and for what a splitter promises.
#pragma once
#include "tokenizer/characters.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace puna {

size_t general_piece_end(std::string_view text, size_t at);

// 1 for ASCII characters that can precede the letters of a piece, except the apostrophe, which may begin "'s".
inline constexpr std::array<uint8_t, 256> can_lead = [] {
    std::array<uint8_t, 256> leads{};
    for (unsigned c = 0; c < 128; ++c) {
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z', number = c >= '0' && c <= '9';
        leads[c] = !letter && !number && c != '\n' && c != '\r' && c != '\'';
    }
    return leads;
}();

// The end of the piece that begins at `at` < text.size(), with a fast path for ASCII words.
inline size_t piece_end(std::string_view text, size_t at) {
    if (size_t end = ascii_word_end(text, at, can_lead[static_cast<unsigned char>(text[at])])) [[likely]]
        return end;
    return general_piece_end(text, at);
}

// See SafeCut.
size_t safe_cut(std::string_view text, size_t at);

}  // namespace puna
