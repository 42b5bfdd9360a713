#include "tokenizer/split_pattern.h"

#include "core/error.h"
#include "tokenizer/split.h"
#include "tokenizer/split_deepseek.h"
#include "tokenizer/split_gpt2.h"

#include <algorithm>

namespace puna {

namespace {

using Step = PreTokenizerStep;
using Name = GgufPatternName;

constexpr Step llama3_steps[] = {{Step::split, llama3_pattern}, {Step::byte_level}};
constexpr Step gpt2_steps[] = {{Step::byte_level_regex}};
constexpr Step starcoder_steps[] = {{Step::digits}, {Step::byte_level_regex}};
const Step deepseek_llm_steps[] = {{Step::split, deepseek_newline},
                                   {Step::split, deepseek_llm_word},
                                   {Step::split, deepseek_llm_punctuation},
                                   {Step::split, deepseek_llm_last_space},
                                   {Step::split, deepseek_east_asian},
                                   {Step::digits},
                                   {Step::byte_level}};
constexpr Step deepseek_coder_steps[] = {{Step::split, deepseek_newline},
                                         {Step::split, deepseek_coder_word},
                                         {Step::split, deepseek_coder_punctuation},
                                         {Step::split, deepseek_east_asian},
                                         {Step::digits},
                                         {Step::byte_level}};

// The first name is the one that is written, of those with the vocabulary's whole_pieces.
constexpr Name llama3_names[] = {{"llama-bpe", true, true}, {"smaug-bpe"},           {"llama3", true, true},
                                 {"llama-v3", true, true},  {"falcon3", true, true}, {"dbrx"}};
constexpr Name gpt2_names[] = {{"gpt-2"}, {"phi-2"}, {"mellum"}, {"exaone4"}, {"jais"}, {"olmo"}, {"trillion"}};
constexpr Name starcoder_names[] = {{"starcoder"}, {"refact"}, {"smollm"},    {"command-r"},
                                    {"codeshell"}, {"exaone"}, {"minerva-7b"}};
constexpr Name deepseek_llm_names[] = {{"deepseek-llm"}};
constexpr Name deepseek_coder_names[] = {{"deepseek-coder"}};

const SplitPatternInfo patterns[] = {
    {SplitPattern::llama3, "Llama 3", llama3_steps, llama3_names, split_by<piece_end>, safe_cut},
    {SplitPattern::gpt2, "GPT-2", gpt2_steps, gpt2_names, split_by<gpt2_piece_end>, gpt2_safe_cut},
    {SplitPattern::starcoder, "StarCoder", starcoder_steps, starcoder_names, split_by<starcoder_piece_end>,
     gpt2_safe_cut},
    {SplitPattern::deepseek_llm, "DeepSeek LLM", deepseek_llm_steps, deepseek_llm_names,
     split_by<deepseek_llm_piece_end>, deepseek_safe_cut},
    {SplitPattern::deepseek_coder, "DeepSeek Coder", deepseek_coder_steps, deepseek_coder_names,
     split_by<deepseek_coder_piece_end>, deepseek_safe_cut},
};

}  // namespace

std::span<const SplitPatternInfo> split_patterns() { return patterns; }

const SplitPatternInfo& info(SplitPattern pattern) {
    const SplitPatternInfo& row = patterns[static_cast<size_t>(pattern)];
    check(row.pattern == pattern, "the table of split patterns is not in the order of the enum");
    return row;
}

const SplitPatternInfo* find_pattern(std::span<const PreTokenizerStep> steps) {
    for (const SplitPatternInfo& row : patterns)
        if (std::equal(row.steps.begin(), row.steps.end(), steps.begin(), steps.end())) return &row;
    return nullptr;
}

const SplitPatternInfo* find_gguf_pattern(std::string_view name) {
    for (const SplitPatternInfo& row : patterns)
        if (find_gguf_name(row, name)) return &row;
    return nullptr;
}

const GgufPatternName* find_gguf_name(const SplitPatternInfo& pattern, std::string_view name) {
    for (const GgufPatternName& known : pattern.gguf_names)
        if (known.name == name) return &known;
    return nullptr;
}

}  // namespace puna
