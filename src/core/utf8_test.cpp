#include "core/utf8.h"

#include <gtest/gtest.h>

#include <vector>

namespace puna {

TEST(Utf8, LengthOfValidCharacters) {
    EXPECT_EQ(utf8_length("a"), 1u);
    EXPECT_EQ(utf8_length("\xc3\xa9x"), 2u);
    EXPECT_EQ(utf8_length("\xe6\x97\xa5"), 3u);
    EXPECT_EQ(utf8_length("\xf0\x9f\x98\x80"), 4u);
    EXPECT_EQ(utf8_length("\xf4\x8f\xbf\xbf"), 4u);
}

TEST(Utf8, OverlongSurrogateTruncatedAndStrayBytesAreInvalid) {
    for (const char* text : {"", "\x80", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe6\x97",
                             "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3("})
        EXPECT_EQ(utf8_length(text), 0u) << text;
}

TEST(Utf8, ErrorsAreCountedAndTheFirstIsLocated) {
    EXPECT_EQ(find_utf8_errors("caf\xc3\xa9 \xe6\x97\xa5").count, 0u);
    Utf8Errors errors = find_utf8_errors("caf\xe9 au lait \xff\xc3\xa9\xc3");
    EXPECT_EQ(errors.count, 3u);
    EXPECT_EQ(errors.first, 3u);
}

TEST(Utf8, IncompleteTailIsFound) {
    EXPECT_EQ(incomplete_tail(""), 0u);
    EXPECT_EQ(incomplete_tail("abc"), 0u);
    EXPECT_EQ(incomplete_tail("é"), 0u);
    EXPECT_EQ(incomplete_tail("a\xc3"), 1u);
    EXPECT_EQ(incomplete_tail("\xe6\x9d"), 2u);
    EXPECT_EQ(incomplete_tail("x\xf0\x9f\x99"), 3u);
    EXPECT_EQ(incomplete_tail("\xf0\x80"), 0u);  // overlong: nothing can complete it
    EXPECT_EQ(incomplete_tail("\x80\x80\x80\x80"), 0u);
}

TEST(Utf8, CharactersAreReadForwardAndBackward) {
    std::string_view text = "a\xc3\xa9\xff\xf0\x9f\x98\x80";
    std::vector<uint32_t> codes, backward;
    for (size_t at = 0; at < text.size(); at += read_character(text, at).size)
        codes.push_back(read_character(text, at).code);
    for (size_t at = text.size(); at > 0; at -= character_before(text, at).size)
        backward.insert(backward.begin(), character_before(text, at).code);
    EXPECT_EQ(codes, (std::vector<uint32_t>{'a', 0xe9, not_unicode, 0x1f600}));
    EXPECT_EQ(backward, codes);
}

TEST(Utf8, EveryScalarValueRoundTrips) {
    for (uint32_t code = 0; code < 0x110000; code += code == 0xd7ff ? 0x801 : 1) {
        std::string text;
        append_utf8(text, code);
        ASSERT_EQ(utf8_length(text), text.size()) << code;
        ASSERT_EQ(read_character(text, 0).code, code);
    }
}

}  // namespace puna
