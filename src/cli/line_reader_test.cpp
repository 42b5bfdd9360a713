#include "cli/line_reader.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

// The messages made of typed lines, each followed by |.
std::string messages(std::initializer_list<std::string_view> typed) {
    MessageLines lines;
    std::string all;
    for (std::string_view line : typed) {
        if (!lines.add(line)) continue;
        all += lines.is_plain() ? "plain:" : "";
        all += lines.take() + "|";
    }
    return all + lines.take();
}

TEST(MessageLines, EachLineIsAMessage) { EXPECT_EQ(messages({"hi", "", "there"}), "plain:hi|plain:|plain:there|"); }

TEST(MessageLines, BackslashContinuesOnTheNextLine) {
    EXPECT_EQ(messages({"one\\", "two\\", "three", "four"}), "one\ntwo\nthree|plain:four|");
    EXPECT_EQ(messages({"one\\"}), "one\n");
}

TEST(MessageLines, QuotesOpenAndCloseABlock) {
    EXPECT_EQ(messages({"\"\"\"", "  a", "", "b\\", "\"\"\"", "c"}), "  a\n\nb\\\n|plain:c|");
    EXPECT_EQ(messages({"\"\"\"a", "b\"\"\""}), "a\nb|");
    EXPECT_EQ(messages({"\"\"\"a\"\"\"", "/x"}), "a|plain:/x|");
    EXPECT_EQ(messages({"say \"\"\"", "b"}), "plain:say \"\"\"|plain:b|");
    EXPECT_EQ(messages({"\"\"\"a\"\"\" b", "c", "d\"\"\""}), "a\"\"\" b\nc\nd|");  // nothing is lost
}

TEST(MessageLines, PastedTextIsOneMessageAndNotACommand) {
    EXPECT_EQ(messages({"/a\nb", "/c"}), "/a\nb|plain:/c|");
    EXPECT_EQ(messages({"\"\"\"What it does.\"\"\"\nimport os", "x"}), "\"\"\"What it does.\"\"\"\nimport os|plain:x|");
    EXPECT_EQ(messages({"a\nb\\"}), "a\nb\\|");
    EXPECT_EQ(messages({"\"\"\"", "c\nd\"\"\"", "\"\"\""}), "c\nd\"\"\"\n|");
}

}  // namespace
}  // namespace puna
