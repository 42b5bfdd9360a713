#include "tokenizer/split_pattern.h"

#include "core/atomic_file.h"
#include "core/json_text.h"
#include "core/random.h"
#include "core/test_folder.h"
#include "tokenizer/test_unicode.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace puna {
namespace {

using testing::ElementsAre;

std::vector<size_t> ends_of(const SplitPatternInfo& pattern, std::string_view text) {
    std::vector<size_t> ends;
    std::array<size_t, 3> some;
    for (size_t at = 0; at < text.size(); at = ends.back()) {
        size_t count = pattern.split(text, at, some);
        EXPECT_GT(count, 0u);
        ends.insert(ends.end(), some.begin(), some.begin() + static_cast<ptrdiff_t>(count));
    }
    return ends;
}

std::vector<std::string> pieces_of(SplitPattern pattern, std::string_view text) {
    std::vector<std::string> pieces;
    size_t begin = 0;
    for (size_t end : ends_of(info(pattern), text)) {
        pieces.emplace_back(text.substr(begin, end - begin));
        begin = end;
    }
    return pieces;
}

std::string steps_json(const SplitPatternInfo& pattern) {
    constexpr std::string_view names[] = {"split", "digits", "byte_level", "byte_level_regex"};
    JsonList steps;
    for (const PreTokenizerStep& step : pattern.steps) {
        JsonList json;
        json.add(names[step.kind]);
        if (step.kind == PreTokenizerStep::split) json.add(step.pattern);
        steps.add(json);
    }
    return steps.text();
}

// By tests/split_oracle.py.
std::vector<size_t> oracle_ends(const SplitPatternInfo& pattern, std::string_view text) {
    TestFolder folder;
    write_file(folder / "steps.json", steps_json(pattern));
    write_file(folder / "text.txt", text);
    std::string command = fmt::format("/usr/bin/python3 tests/split_oracle.py {} {}", (folder / "steps.json").string(),
                                      (folder / "text.txt").string());
    std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
    std::string output;
    std::array<char, 1 << 16> buffer;
    while (size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) output.append(buffer.data(), n);
    std::vector<size_t> ends;
    for (const char *at = output.data(), *last = at + output.size(); at < last; ++at)
        at = std::from_chars(at, last, ends.emplace_back()).ptr;
    return ends;
}

void expect_oracles_pieces(const SplitPatternInfo& pattern, const std::string& text) {
    std::vector<size_t> ends = ends_of(pattern, text), expected = oracle_ends(pattern, text);
    ASSERT_FALSE(expected.empty());
    auto [ours, theirs] = std::mismatch(ends.begin(), ends.end(), expected.begin(), expected.end());
    if (ours == ends.end() && theirs == expected.end()) return;
    size_t from = ours == ends.begin() ? 0 : ours[-1];
    ADD_FAILURE() << pattern.name << " at " << from << ": " << text.substr(from > 20 ? from - 20 : 0, 60);
}

TEST(SplitPattern, PiecesAreThoseOfTheRegularExpressions) {
    std::string unicode = random_unicode(11, 60'000);
    Random random(12);
    std::string close;  // characters that the patterns treat differently, close to each other
    constexpr std::string_view units[] = {"a",
                                          "B",
                                          " ",
                                          "  ",
                                          "\t",
                                          "\n",
                                          "\r\n",
                                          "'",
                                          "'s",
                                          "'ll",
                                          "1",
                                          "23",
                                          ".",
                                          "--",
                                          "\u00e9",
                                          "\u00df",
                                          "\u4e16\u754c",
                                          "\u3000",
                                          "\u3001",
                                          "\u2019",
                                          "\uff21",
                                          "\uff0c",
                                          "\uac00",
                                          "\u0e01",
                                          "\u0301",
                                          "\u00bd",
                                          "+",
                                          "$",
                                          "\u20ac",
                                          "\u2028"};
    for (int i = 0; i < 40'000; ++i) close += units[random.below(std::size(units))];
    for (const SplitPatternInfo& pattern : split_patterns())
        for (const std::string& text : {unicode, close}) expect_oracles_pieces(pattern, text);
}

TEST(SplitPattern, Gpt2SplitsContractionsAndLeavesOneSpaceBeforeAWord) {
    EXPECT_THAT(pieces_of(SplitPattern::gpt2, "I'll say  42 times!\n\nDON'T"),
                ElementsAre("I", "'ll", " say", " ", " 42", " times", "!", "\n", "\n", "DON", "'", "T"));
    EXPECT_THAT(pieces_of(SplitPattern::gpt2, "a   "), ElementsAre("a", "   "));
}

TEST(SplitPattern, StarCoderSeparatesDigits) {
    EXPECT_THAT(pieces_of(SplitPattern::starcoder, "x  42\u00bd y"), ElementsAre("x", "  ", "4", "2", "\u00bd", " y"));
}

TEST(SplitPattern, DeepSeekSplitsTwice) {
    EXPECT_THAT(pieces_of(SplitPattern::deepseek_coder, "x = 42;\n  \u4e16\u754cz"),
                ElementsAre("x", " = ", "4", "2", ";", "\n", " ", " ", "\u4e16\u754c", "z"));
    EXPECT_THAT(pieces_of(SplitPattern::deepseek_llm, " Gr\u00f6\u00dfe, \u00bd  \n"),
                ElementsAre(" Gr", "\u00f6\u00df", "e", ",", " ", "\u00bd", "  ", "\n"));
}

TEST(SplitPattern, PiecesAroundASafeCutAreThoseOfTheWholeText) {
    Random random(6);
    constexpr std::string_view units[] = {"a", "b", " ",      "\n", "\r\n",   ".",
                                          "'", "s", "\u00e9", "1",  "\u3000", "\u4e16"};
    for (const SplitPatternInfo& pattern : split_patterns()) {
        int cuts = 0;
        for (int round = 0; round < 2'000; ++round) {
            std::string text;
            for (int i = 0; i < 40; ++i) text += units[random.below(std::size(units))];
            size_t cut = pattern.safe_cut(text, random.below(text.size()));
            cuts += cut < text.size();
            std::vector<size_t> ends = ends_of(pattern, std::string_view(text).substr(0, cut));
            for (size_t end : ends_of(pattern, std::string_view(text).substr(cut))) ends.push_back(cut + end);
            ASSERT_EQ(ends, ends_of(pattern, text)) << pattern.name << ": " << text;
        }
        EXPECT_GT(cuts, 400) << pattern.name;
    }
}

TEST(SplitPattern, InvalidUtf8IsNeitherLetterNorNumberNorSpace) {
    for (const SplitPatternInfo& pattern : split_patterns())
        EXPECT_EQ(ends_of(pattern, "a\xff\xfe\xe6\x9d b").back(), 7u) << pattern.name;
    EXPECT_THAT(pieces_of(SplitPattern::gpt2, "a\xff b"), ElementsAre("a", "\xff", " b"));
}

TEST(SplitPattern, IsFoundByItsNameInGgufFiles) {
    EXPECT_EQ(find_gguf_pattern("llama-bpe")->pattern, SplitPattern::llama3);
    EXPECT_EQ(find_gguf_pattern("smollm")->pattern, SplitPattern::starcoder);
    EXPECT_EQ(find_gguf_pattern("refact"), find_gguf_pattern("starcoder"));
    EXPECT_EQ(find_gguf_pattern("tekken"), nullptr);
    EXPECT_TRUE(find_gguf_name(info(SplitPattern::llama3), "llama-bpe")->whole_pieces);
    EXPECT_FALSE(find_gguf_name(info(SplitPattern::llama3), "smaug-bpe")->whole_pieces);
}

}  // namespace
}  // namespace puna
