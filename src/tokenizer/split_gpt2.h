// tokenizer/split_gpt2.h — GPT-2's split pattern, and StarCoder's, which separates digits first.
//
//   size_t end = gpt2_piece_end("I'll say 42", 0);                          // 1: "I", then "'ll", " say", " 42"
//   end = starcoder_piece_end("I'll say 42", 8);                            // 9: " ", then "4", "2"
//
// GPT-2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// StarCoder applies it to what is between digits: a digit is a piece, and the end of the text before it.
#pragma once
#include <cstddef>
#include <string_view>

namespace puna {

size_t gpt2_piece_end(std::string_view text, size_t at);
size_t starcoder_piece_end(std::string_view text, size_t at);

// See SafeCut: before a newline that follows no white space.
size_t gpt2_safe_cut(std::string_view text, size_t at);

}  // namespace puna
