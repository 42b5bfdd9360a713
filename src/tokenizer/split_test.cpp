#include "tokenizer/split.h"

#include "core/random.h"
#include "tokenizer/split_pattern.h"
#include "tokenizer/unicode.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace puna {
namespace {

using Pieces = std::vector<std::string>;

Pieces split(std::string_view text) {
    Pieces pieces;
    for (size_t at = 0, end; at < text.size(); at = end) {
        end = piece_end(text, at);
        EXPECT_GT(end, at);
        pieces.emplace_back(text.substr(at, end - at));
    }
    return pieces;
}

TEST(Split, WordsTakeOneCharacterBeforeThem) {
    EXPECT_EQ(split("Hello, wide world"), (Pieces{"Hello", ",", " wide", " world"}));
    EXPECT_EQ(split("(one)two\tthree"), (Pieces{"(one", ")two", "\tthree"}));
    EXPECT_EQ(split("a  b"), (Pieces{"a", " ", " b"}));
    EXPECT_EQ(split("\u00a0word\u3000word"), (Pieces{"\u00a0word", "\u3000word"}));
}

TEST(Split, ContractionsAreCutOffInAnyCase) {
    EXPECT_EQ(split("don't WE'LL it's I'd've"), (Pieces{"don", "'t", " WE", "'LL", " it", "'s", " I", "'d", "'ve"}));
    EXPECT_EQ(split("'sun 'Tis 'lot ''re"), (Pieces{"'s", "un", " '", "Tis", " '", "lot", " ''", "re"}));
    EXPECT_EQ(split("x'\u017fy"), (Pieces{"x", "'\u017f", "y"}));  // the long s folds to s
    EXPECT_EQ(split("'\u212a"), (Pieces{"'\u212a"}));              // the Kelvin sign is a letter, not a contraction
}

TEST(Split, NumbersComeThreeAtATime) {
    EXPECT_EQ(split("1234567 x2"), (Pieces{"123", "456", "7", " x", "2"}));
    EXPECT_EQ(split("½²٣४Ⅷ"), (Pieces{"½²٣", "४Ⅷ"}));
}

TEST(Split, PunctuationTakesTheNewlinesAfterIt) {
    EXPECT_EQ(split("end.\n\nNew !!\r\n x"), (Pieces{"end", ".\n\n", "New", " !!\r\n", " x"}));
    EXPECT_EQ(split("\"'quoted'\""), (Pieces{"\"'", "quoted", "'\""}));
    EXPECT_EQ(split("a\u0301\u0301b"), (Pieces{"a", "\u0301\u0301", "b"}));
}

TEST(Split, SpaceEndsAtItsLastNewlineOrLeavesOneCharacterForTheNextWord) {
    EXPECT_EQ(split("a  \n \n  b"), (Pieces{"a", "  \n \n", " ", " b"}));
    EXPECT_EQ(split("a   "), (Pieces{"a", "   "}));
    EXPECT_EQ(split("a   1"), (Pieces{"a", "  ", " ", "1"}));
    EXPECT_EQ(split("\t\tx\t?"), (Pieces{"\t", "\tx", "\t", "?"}));
    EXPECT_EQ(split("\r\n\u2028\u0085x"), (Pieces{"\r\n", "\u2028", "\u0085x"}));
    EXPECT_EQ(split("\x1c\x1d"), (Pieces{"\x1c\x1d"}));  // the pattern does not treat separators as spaces
}

TEST(Split, InvalidUtf8IsPunctuation) {
    EXPECT_EQ(split("a\xff\xfe b"), (Pieces{"a", "\xff\xfe", " b"}));
    EXPECT_EQ(split("\xe6\x9d"), (Pieces{"\xe6\x9d"}));  // a truncated character
    EXPECT_EQ(split("\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80x"), (Pieces{"\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80", "x"}));
}

TEST(Split, FastPathMatchesGeneralPath) {
    Random random(5);
    constexpr std::string_view units[] = {"a",  "Z",  "q",  "e", "s",  "t",      " ",    " ", "'", "\"", ".", "1",
                                          "\n", "\r", "\t", "é", "東", "\u0301", "\xff", "@", "[", "`",  "{"};
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        for (uint64_t n = 1 + random.below(60); n-- > 0;)
            text += units[random.below(std::size(units)) * (random.below(3) > 0)];
        for (size_t at = 0, end; at < text.size(); at = end) {
            end = general_piece_end(text, at);
            ASSERT_EQ(piece_end(text, at), end) << text << " at " << at;
        }
    }
}

TEST(Split, PiecesAroundASafeCutAreThoseOfTheWholeText) {
    Random random(6);
    constexpr std::string_view units[] = {"a", "b", " ", "\n", "\r\n", ".", "'", "s", "é", "1"};
    int cuts = 0;
    for (int round = 0; round < 5'000; ++round) {
        std::string text;
        for (int i = 0; i < 40; ++i) text += units[random.below(std::size(units))];
        size_t cut = safe_cut(text, random.below(text.size()));
        cuts += cut < text.size();
        Pieces parts = split(std::string_view(text).substr(0, cut)), rest = split(std::string_view(text).substr(cut));
        parts.insert(parts.end(), rest.begin(), rest.end());
        ASSERT_EQ(parts, split(text)) << text;
    }
    EXPECT_GT(cuts, 1000);
}

TEST(Unicode, ClassesAreThoseOfVersion15) {
    int letters = 0, numbers = 0, spaces = 0;
    for (uint32_t code = 0; code < 0x110000; ++code) {
        letters += class_of(code) == CharacterClass::letter;
        numbers += class_of(code) == CharacterClass::number;
        spaces += class_of(code) == CharacterClass::space;
    }
    EXPECT_EQ(letters, 136'104);
    EXPECT_EQ(numbers, 1'831);
    EXPECT_EQ(spaces, 25);
}

}  // namespace
}  // namespace puna
