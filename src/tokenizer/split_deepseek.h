// tokenizer/split_deepseek.h — the split patterns of DeepSeek LLM and DeepSeek Coder.
//
//   size_t end = deepseek_coder_piece_end("x = 42;", 0);                    // 1: "x", then " = ", "4", "2", ";"
//
// Both are sequences of splits, each of which cuts the pieces of those before it: newlines; words with the white space
// before them; punctuation likewise; LLM only: white space at the end of a piece; scripts of East Asia (and all else
// from U+0800 to U+4E00); digits. LLM's words are of cased letters; its "punctuation" holds ASCII letters too, so that
// "Größe" is "Gr", "öß", "e".
#pragma once
#include <cstddef>
#include <string_view>

namespace puna {

// As tokenizer.json spells the splits.
inline constexpr std::string_view deepseek_newline = "[\r\n]", deepseek_east_asian = "[一-龥ࠀ-一가-퟿]+",
                                  deepseek_coder_word = "\\s?\\p{L}+", deepseek_coder_punctuation = "\\s?\\p{P}+",
                                  deepseek_llm_punctuation = "\\s?[!-/:-~！-／：-～‘-‟　-。]+",
                                  deepseek_llm_last_space = "\\s+$";
extern const std::string_view deepseek_llm_word;

size_t deepseek_coder_piece_end(std::string_view text, size_t at);
size_t deepseek_llm_piece_end(std::string_view text, size_t at);

// See SafeCut: after any newline, which is a piece.
size_t deepseek_safe_cut(std::string_view text, size_t at);

}  // namespace puna
