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
    EXPECT_EQ(error_of([] { fail_errno(ENOENT, "{}: cannot open", "x.json"); }),
              "x.json: cannot open: No such file or directory");
}

TEST(Errors, AnErrorHasAKind) {
    EXPECT_EQ(error_kind_of([] { fail("x"); }), ErrorKind::failed);
    EXPECT_EQ(error_kind_of([] { fail(ErrorKind::busy, "{} in use", 7); }), ErrorKind::busy);
    EXPECT_EQ(error_kind_of([] { fail_field("top_p", "must be positive"); }), ErrorKind::usage);
    EXPECT_EQ(error_kind_of([] { fail_errno(ENOENT, "{}: cannot open", "x"); }), ErrorKind::not_found);
    EXPECT_EQ(error_kind_of([] { fail_errno(EACCES, "{}: cannot open", "x"); }), ErrorKind::denied);
    EXPECT_EQ(error_kind_of([] { fail_errno(EIO, "{}: cannot open", "x"); }), ErrorKind::failed);
}

TEST(Errors, AnErrorOfAFieldCanBeToldInOtherWords) {
    auto told = [](auto f) {
        try {
            f();
        } catch (const Error& error) {
            return fmt::format("{} [{}|{}]", error.what(), error.field, error.problem());
        }
        return std::string();
    };
    EXPECT_EQ(told([] { fail_field("top_p", "must be at most 1, not {}", 2); }),
              "top_p must be at most 1, not 2 [top_p| must be at most 1, not 2]");
    EXPECT_EQ(told([] { fail_value("dim", "{} is not a multiple of {} heads", 30, 4); }),
              "dim: 30 is not a multiple of 4 heads [dim|: 30 is not a multiple of 4 heads]");
    EXPECT_EQ(told([] {
                  try {
                      fail_field("top_p", "must be at most 1, not {}", 2);
                  } catch (const Error& problem) {
                      rethrow_with("recipe.toml: line 3", problem);
                  }
              }),
              "recipe.toml: line 3: top_p must be at most 1, not 2 [top_p| must be at most 1, not 2]");
    EXPECT_EQ(told([] { fail("x.json: cannot open"); }), "x.json: cannot open [|x.json: cannot open]");
}

TEST(Errors, AnErrorWithItsPlaceKeepsItsKind) {
    EXPECT_EQ(error_kind_of([] { rethrow_with("x.json", Error("is in use", ErrorKind::busy)); }), ErrorKind::busy);
    EXPECT_EQ(error_of([] { rethrow_with("x.json", Error("is in use")); }), "x.json: is in use");
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
