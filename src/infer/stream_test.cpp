#include "infer/stream.h"

#include "infer/fake_model.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

// The text returned after each token and by flush, separated by |.
std::string streamed(const std::string& bytes, std::vector<std::string> stops) {
    Tokenizer tokenizer = fake_tokenizer();
    TextStream stream(tokenizer, std::move(stops));
    std::string text;
    for (unsigned char byte : bytes) {
        text += stream.next(byte) + "|";
        if (stream.stopped()) return text + "stop";
    }
    return text + stream.flush();
}

TEST(TextStream, ReturnsOnlyCompleteCharacters) {
    EXPECT_EQ(streamed("aé", {}), "a||é|");
    EXPECT_EQ(streamed("a\xc3", {}), "a||\xef\xbf\xbd");
}

TEST(TextStream, HoldsBackAPossibleStopString) {
    EXPECT_EQ(streamed("aENDb", {"END"}), "a||||stop");
    EXPECT_EQ(streamed("aENab", {"END"}), "a|||ENa|b|");
    EXPECT_EQ(streamed("EN", {"END"}), "||EN");
    EXPECT_EQ(streamed("EEND", {"END"}), "|E|||stop");
}

TEST(TextStream, EarliestStopStringWins) {
    EXPECT_EQ(streamed("xaby", {"by", "ab"}), "x|||stop");
    EXPECT_EQ(streamed("xy", {""}), "x|y|");
}

}  // namespace
}  // namespace puna
