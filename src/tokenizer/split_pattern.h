// tokenizer/split_pattern.h — the published split patterns of byte-level BPE: how text is cut into pieces before
// merging.
//
//   const SplitPatternInfo& pattern = info(SplitPattern::gpt2);
//   const SplitPatternInfo* named = find_gguf_pattern("llama-bpe");       // null: no pattern here has this name
//   std::array<size_t, 16> ends;
//   size_t count = pattern.split("Hello world", 0, ends);                  // 2 pieces, which end at 5 and 11
//
// A pattern is one row of the table in split_pattern.cpp with a hand-written splitter. Files are recognized by the text
// of their pre-tokenizer (tokenizer.json) or by its name (GGUF); another one would encode text differently from what
// the model has learned. Sources: tokenizer.json of the models named in the table; llama.cpp, src/llama-vocab.cpp
// (names).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace puna {

enum class SplitPattern : uint8_t { llama3, gpt2, starcoder, deepseek_llm, deepseek_coder };

// Writes the ends of the next pieces from `at` < text.size() on, at most ends.size(); returns their number. A piece
// depends only on the text from its beginning on. An invalid UTF-8 byte is neither letter nor number nor space.
using SplitPieces = size_t (*)(std::string_view text, size_t at, std::span<size_t> ends);

// A splitter that calls piece_end for each piece.
template <size_t (*piece_end)(std::string_view text, size_t at)>
size_t split_by(std::string_view text, size_t at, std::span<size_t> ends) {
    size_t n = 0;
    for (; n < ends.size() && at < text.size(); ++n) ends[n] = at = piece_end(text, at);
    return n;
}

// The first position from `at` on where a text can be cut, whatever precedes and follows, so that both sides can be
// encoded separately; text.size() if there is none.
using SafeCut = size_t (*)(std::string_view text, size_t at);

// A step of tokenizer.json's pre_tokenizer.
struct PreTokenizerStep {
    enum Kind : uint8_t {
        split,            // Split with this regex, Isolated
        digits,           // Digits with individual_digits
        byte_level,       // ByteLevel with use_regex: false
        byte_level_regex  // ByteLevel, which itself splits by GPT-2's pattern
    };
    Kind kind;
    std::string_view pattern = {};  // of a split
    bool operator==(const PreTokenizerStep&) const = default;
};

// A value of tokenizer.ggml.pre. llama.cpp derives two more settings from it.
struct GgufPatternName {
    std::string_view name;
    bool whole_pieces = false;  // a piece that is a token is encoded as it (ignore_merges)
    bool begins_text = false;   // a text begins with bos, unless tokenizer.ggml.add_bos_token says otherwise
};

struct SplitPatternInfo {
    SplitPattern pattern;
    std::string_view name;  // "Llama 3"
    std::span<const PreTokenizerStep> steps;
    std::span<const GgufPatternName> gguf_names;
    SplitPieces split;
    SafeCut safe_cut;
};

std::span<const SplitPatternInfo> split_patterns();
const SplitPatternInfo& info(SplitPattern pattern);
const SplitPatternInfo* find_pattern(std::span<const PreTokenizerStep> steps);  // null: not a published one
const SplitPatternInfo* find_gguf_pattern(std::string_view name);
const GgufPatternName* find_gguf_name(const SplitPatternInfo& pattern, std::string_view name);

// As tokenizer.json spells it.
inline constexpr std::string_view llama3_pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

}  // namespace puna
