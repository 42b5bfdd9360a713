#include "net/url.h"

#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;

Url url(std::string_view text) { return parse_url(text, "test"); }

TEST(Url, HasAnOrigin) {
    Url plain = url("HTTPS://Hugging.Example/a/b?x=1#part");
    EXPECT_EQ(plain.text, "https://Hugging.Example/a/b?x=1");
    EXPECT_EQ(origin_of(plain), "https://hugging.example:443");
    EXPECT_EQ(url("http://h:8080/").port, 8080);
    EXPECT_EQ(url("http://h/").port, 80);
}

TEST(Url, AnotherSchemeHostOrPortIsAnotherOrigin) {
    Url page = url("https://a.example/x");
    EXPECT_TRUE(same_origin(page, url("https://A.example:443/y?z")));
    for (const char* other : {"http://a.example/x", "https://b.example/x", "https://a.example:444/x",
                              "https://a.example.evil.example/x", "https://evil-a.example/x"})
        EXPECT_FALSE(same_origin(page, url(other))) << other;
}

TEST(Url, LinksAreRelativeToThePage) {
    Url page = url("https://a.example/o/n/resolve/main/f?q");
    EXPECT_EQ(join_url(page, "/api/x?y=%22z%22").text, "https://a.example/api/x?y=%22z%22");
    EXPECT_EQ(join_url(page, "g").text, "https://a.example/o/n/resolve/main/g");
    EXPECT_EQ(join_url(page, "//b.example/x").text, "https://b.example/x");
    EXPECT_EQ(join_url(page, "https://b.example:81/x").port, 81);
    EXPECT_EQ(join_url(page, "/a b[1]\xc3\xa9").text, "https://a.example/a%20b[1]%c3%a9");
}

TEST(Url, OnlyHttpWithoutPasswordsIsAccepted) {
    Url page = url("https://a.example/");
    for (const char* link : {"file:///etc/passwd", "ftp://a.example/", "gopher://a.example/"})
        EXPECT_EQ(error_kind_of([&] { join_url(page, link); }), ErrorKind::unsupported) << link;
    EXPECT_THAT(error_of([&] { join_url(page, "https://user:secret@a.example/"); }), HasSubstr("user name"));
    EXPECT_EQ(error_of([&] { parse_url("not a url", "HF_ENDPOINT"); }), "HF_ENDPOINT: not a url is no URL");
    EXPECT_THROW(url(std::string_view("http://a\0b/", 11)), Error);
    EXPECT_THROW(join_url(page, "http://[::1"), Error);
}

TEST(Url, QuotingKeepsOnlySafeCharacters) {
    EXPECT_EQ(quote_segment("refs/pr/1"), "refs%2Fpr%2F1");
    EXPECT_EQ(quote_path("a b/c[1]?#.gguf"), "a%20b/c%5B1%5D%3F%23.gguf");
    EXPECT_EQ(quote_segment("\xc3\xa9-_.~"), "%C3%A9-_.~");
}

TEST(Url, MessagesHideTheQuery) {
    EXPECT_EQ(for_message("https://cdn.example/x?Signature=secret"), "https://cdn.example/x");
}

}  // namespace
}  // namespace puna
