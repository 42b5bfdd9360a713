#include "cli/piece.h"

#include <gtest/gtest.h>

#include <set>

namespace puna {
namespace {

TEST(Piece, EveryByteOfATokenIsVisible) {
    EXPECT_EQ(quoted_piece(" the"), "\" the\"");
    EXPECT_EQ(quoted_piece("\n\t\r"), R"("\n\t\r")");
    EXPECT_EQ(quoted_piece(R"(say "\n")"), R"("say \"\\n\"")");
    EXPECT_EQ(quoted_piece("\x1b[2J"), R"("\x1b[2J")");
    EXPECT_EQ(quoted_piece("\xe6\x9d\xb1\xe4\xba"), "\"\xe6\x9d\xb1\\xe4\\xba\"");
    EXPECT_EQ(quoted_piece("a\xc2\xa0\xe2\x80\x8b\xc2\x85"), R"("a\u{a0}\u{200b}\u{85}")");
    EXPECT_EQ(quoted_piece(""), "\"\"");
}

TEST(Piece, DifferentTokensNeverLookTheSame) {
    std::set<std::string> seen;
    std::string_view characters[] = {"\n",   "\\",   "n",        "x", "0", "a", "\"",
                                     "\x0a", "\xe2", "\xc2\xa0", " ", "u", "{", "}"};
    std::set<std::string> pieces;
    for (std::string_view a : characters)
        for (std::string_view b : characters)
            for (std::string_view c : characters) pieces.insert(std::string(a) + std::string(b) + std::string(c));
    for (const std::string& piece : pieces) EXPECT_TRUE(seen.insert(quoted_piece(piece)).second) << quoted_piece(piece);
}

TEST(Piece, ALongTokenIsCutBetweenCharacters) {
    EXPECT_EQ(quoted_piece("abcdef", 3), "\"abc\"...");
    EXPECT_EQ(quoted_piece("ab\xe6\x9d\xb1z", 3), "\"ab\xe6\x9d\xb1\"...");
    EXPECT_EQ(quoted_piece("abc", 3), "\"abc\"");
}

TEST(Piece, JsonHoldsTextOrItsBytes) {
    EXPECT_EQ(piece_json(" \n").text(), R"(" \n")");
    EXPECT_EQ(piece_json("\xe2\x80").text(), "[226,128]");
}

}  // namespace
}  // namespace puna
