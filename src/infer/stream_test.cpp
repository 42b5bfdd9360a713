#include "infer/stream.h"

#include "infer/fake_model.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

// What is shown after each token and at the end, with a bar between.
std::string shown(const std::string& bytes, std::vector<std::string> stops) {
    Tokenizer tokenizer = fake_tokenizer();
    TextStream stream(tokenizer, std::move(stops));
    std::string text;
    for (unsigned char byte : bytes) {
        text += stream.next(byte) + "|";
        if (stream.stopped()) return text + "stop";
    }
    return text + stream.flush();
}

TEST(TextStream, ShowsWholeCharactersOnly) {
    EXPECT_EQ(shown("aé", {}), "a||é|");
    EXPECT_EQ(shown("a\xc3", {}), "a||\xef\xbf\xbd");
}

TEST(TextStream, HoldsBackWhatCouldBeAStopText) {
    EXPECT_EQ(shown("aENDb", {"END"}), "a||||stop");
    EXPECT_EQ(shown("aENab", {"END"}), "a|||ENa|b|");
    EXPECT_EQ(shown("EN", {"END"}), "||EN");
    EXPECT_EQ(shown("EEND", {"END"}), "|E|||stop");
}

TEST(TextStream, TheFirstOfSeveralStopTextsCounts) {
    EXPECT_EQ(shown("xaby", {"by", "ab"}), "x|||stop");
    EXPECT_EQ(shown("xy", {""}), "x|y|");
}

}  // namespace
}  // namespace puna
