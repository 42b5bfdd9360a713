#include "core/base64.h"

#include <gtest/gtest.h>

#include <utility>

namespace puna {
namespace {

// RFC 4648, section 10.
TEST(Base64, HasTheTextsOfTheStandard) {
    for (auto [bytes, text] :
         {std::pair("f", "Zg=="), std::pair("fo", "Zm8="), std::pair("foo", "Zm9v"), std::pair("foob", "Zm9vYg=="),
          std::pair("fooba", "Zm9vYmE="), std::pair("foobar", "Zm9vYmFy")}) {
        EXPECT_EQ(write_base64(bytes), text);
        std::string read;
        EXPECT_TRUE(read_base64(text, read));
        EXPECT_EQ(read, bytes);
    }
    EXPECT_EQ(write_base64(""), "");
    EXPECT_EQ(write_base64(std::string_view("\xff\xfe\x00", 3)), "//4A");
}

TEST(Base64, OtherTextIsRefused) {
    std::string read;
    for (const char* text : {"", "Zg", "Zg=", "Z===", "====", "Zm9 ", "Zm-v", "Zg==Zg=="})
        EXPECT_FALSE(read_base64(text, read)) << text;
}

}  // namespace
}  // namespace puna
