#include "data/charset.h"

#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;

// In parts of `part` bytes.
std::string decode(const std::string& encoding, std::string_view bytes, size_t part = 1000) {
    CharsetDecoder decoder(encoding);
    std::string text;
    for (size_t at = 0; at < bytes.size(); at += part) decoder.decode(bytes.substr(at, part), text);
    decoder.finish(text);
    return text;
}

TEST(Charset, EncodingsBecomeUtf8) {
    EXPECT_EQ(decode("windows-1252", "caf\xe9 \x80"), "caf\u00e9 \u20ac");
    EXPECT_EQ(decode("latin1", "caf\xe9"), "caf\u00e9");
    EXPECT_EQ(decode("KOI8-R", "\xf0\xd2\xc9"), "\u041f\u0440\u0438");
    EXPECT_EQ(decode("SHIFT_JIS", "\x93\xfa\x96\x7b"), "\u65e5\u672c");
    EXPECT_EQ(decode("UTF-16BE", std::string_view("\0a\xd8\x3d\xde\x00", 6)), "a\U0001f600");
}

TEST(Charset, CharactersMaySpanParts) {
    for (size_t part : {1, 2, 3, 5})
        EXPECT_EQ(decode("UTF-16LE", std::string_view("a\0\x3d\xd8\x00\xde", 6), part), "a\U0001f600") << part;
    EXPECT_EQ(decode("ISO-2022-JP", "\x1b$BF|K\\\x1b(B!", 1), "\u65e5\u672c!");
    std::string many(300'000, '\xe9'), text;
    for (int i = 0; i < 300'000; ++i) text += "\u00e9";
    EXPECT_EQ(decode("latin1", many, 100'000), text);
}

TEST(Charset, WhatIsNotValidBecomesAnInvalidByte) {
    EXPECT_EQ(decode("windows-1252", "a\x81z"), "a\xffz");
    EXPECT_EQ(decode("UTF-16LE", std::string_view("a\0\x00\xde"
                                                  "b\0",
                                                  6)),
              "a\xff"
              "b")
        << "a lone surrogate";
    EXPECT_EQ(decode("UTF-16LE", std::string_view("a\0b", 3)), "a\xff") << "half a character";
    EXPECT_EQ(decode("UTF-8", "caf\xe9 !"), "caf\xff !");
}

TEST(Charset, UnknownEncodingsAreNamed) {
    EXPECT_EQ(error_of([] { check_encoding("windows-1252"); }), "no error");
    for (const char* name : {"klingon", "latin1//IGNORE", "", "a/b"}) {
        try {
            check_encoding(name);
            ADD_FAILURE() << name;
        } catch (const Error& problem) {
            EXPECT_EQ(problem.field, "encoding");
            EXPECT_THAT(problem.what(), HasSubstr("is not known"));
        }
    }
}

TEST(Charset, ByteOrderMarksNameTheirEncoding) {
    EXPECT_EQ(find_byte_order_mark("\xef\xbb\xbfx").encoding, "UTF-8");
    EXPECT_EQ(find_byte_order_mark("\xff\xfex").encoding, "UTF-16LE");
    EXPECT_EQ(find_byte_order_mark("\xfe\xffx").encoding, "UTF-16BE");
    EXPECT_EQ(find_byte_order_mark(std::string_view("\xff\xfe\0\0x", 5)).encoding, "UTF-32LE");
    EXPECT_EQ(find_byte_order_mark(std::string_view("\0\0\xfe\xffx", 5)).encoding, "UTF-32BE");
    EXPECT_EQ(find_byte_order_mark("x\xef\xbb\xbf").bytes, "");
}

}  // namespace
}  // namespace puna
