#include "core/error.h"

#include "core/test_error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace puna {
namespace {

TEST(Errors, FailThrowsErrorAndCheckThrowsBug) {
    EXPECT_THROW(fail("{}: {}", "file", 7), Error);
    EXPECT_THROW(check(1 > 2, "{} > {}", 1, 2), Bug);
    EXPECT_NO_THROW(check(true, "never"));
    EXPECT_EQ(error_message([] { fail("{}: cannot open: {}", "x.json", system_reason(ENOENT)); }),
              "x.json: cannot open: No such file or directory");
}

TEST(Errors, BugIsNotAnError) {
    EXPECT_THROW(
        try { check(false, "bug"); } catch (const Error&){}, Bug);
}

TEST(Printable, UntrustedTextBecomesOneShortLine) {
    EXPECT_EQ(printable("layers.0.w \u00e9 \U0001F600"), "layers.0.w \u00e9 \U0001F600");
    EXPECT_EQ(printable("a\nb\tc\x1b[2J\x7f"), "a\\x0ab\\x09c\\x1b[2J\\x7f");
    EXPECT_EQ(printable("\xff\xc3(\xe2\x82"), "\\xff\\xc3(\\xe2\\x82") << "invalid UTF-8";
    EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b") << "a C1 control character";
    EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
    EXPECT_EQ(printable(std::string(5000, 'x')), std::string(100, 'x') + "...");
    EXPECT_EQ(printable(""), "");
}

}  // namespace
}  // namespace puna
