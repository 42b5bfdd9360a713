#include "library/hub/answers.h"

#include "core/test_error.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string sha1(40, 'a'), sha256(64, 'b');

TEST(HubAnswers, InfoHasCommitLicenseAndBase) {
    RepositoryInfo info = parse_repository_info(
        R"({"id": "o/n", "sha": ")" + sha1 +
            R"(", "gated": "manual", "private": false, "cardData": {"license": "mit", "base_model": ["a/b", "c/d"]}})",
        "hub");
    EXPECT_EQ(info.commit, sha1);
    EXPECT_EQ(info.license, "mit");
    EXPECT_THAT(info.base_models, ElementsAre("a/b", "c/d"));
    EXPECT_TRUE(info.is_gated);
    EXPECT_FALSE(info.is_private);
    info = parse_repository_info(
        R"({"sha": ")" + sha1 + R"(", "gated": false, "cardData": {"license": 3, "base_model": "a/b"}})", "hub");
    EXPECT_FALSE(info.is_gated);
    EXPECT_EQ(info.license, "");
    EXPECT_THAT(info.base_models, ElementsAre("a/b"));
    for (const char* json : {"", "[]", "{}", R"({"sha": 3})", R"({"sha": "main"})", R"({"sha": "../x"})"})
        EXPECT_THAT(error_of([&] { parse_repository_info(json, "hub"); }), HasSubstr("hub")) << json;
}

TEST(HubAnswers, TreesNameLargeFilesByTheirSha256) {
    std::vector<RepositoryFile> files =
        parse_tree_page(fmt::format(R"([{{"type": "directory", "path": "a", "oid": "x", "size": 0}},
                        {{"type": "file", "path": "a/c.json", "oid": "{0}", "size": 3}},
                        {{"type": "file", "path": "w", "oid": "{0}", "size": 130, "lfs": {{"oid": "{1}", "size": 99}}}}])",
                                    sha1, sha256),
                        "hub");
    ASSERT_EQ(files.size(), 2u);
    EXPECT_THAT(error_of([&] {
                    parse_tree_page(fmt::format(R"([{{"type": "file", "path": "w", "oid": "{}", "size": {}}}])", sha1,
                                                std::numeric_limits<int64_t>::max()),
                                    "hub");
                }),
                HasSubstr("must be 0 to 35184372088832"));
    EXPECT_EQ(files[0].path, "a/c.json");
    EXPECT_EQ(files[0].id.hex, sha1);
    EXPECT_EQ(files[1].bytes, 99);
    EXPECT_EQ(files[1].id.hex, sha256);
}

TEST(HubAnswers, NextPagesAreInTheLinkHeader) {
    EXPECT_EQ(parse_next_link(R"(<https://h/api?cursor=a,b>; rel="next")"), "https://h/api?cursor=a,b");
    EXPECT_EQ(parse_next_link(R"(<https://h/1>; rel="prev", <https://h/3>; rel="next")"), "https://h/3");
    EXPECT_EQ(parse_next_link("</x>; rel=next"), "/x");
    for (const char* link : {"", "x", "<", "<x", "<x>", R"(<x>; rel="last")", R"(rel="next"; <x)"})
        EXPECT_FALSE(parse_next_link(link)) << link;
}

TEST(HubAnswers, ErrorsAreReadInEveryForm) {
    EXPECT_EQ(parse_error_body(R"({"error": "no"})"), "no");
    EXPECT_EQ(parse_error_body(R"({"error": ["first", "second"]})"), "first");
    EXPECT_EQ(parse_error_body(R"({"errors": [{"message": "m"}]})"), "m");
    EXPECT_EQ(parse_error_body(R"({"error_description": "d"})"), "d");
    EXPECT_EQ(parse_error_body(" plain\ntext "), "plain\\x0atext");
    for (const char* body :
         {"", "<html>", "<Error><Code>x</Code></Error>", "{", "{}", R"({"error": 3})", R"({"errors": 3})"})
        EXPECT_EQ(parse_error_body(body), "") << body;
}

TEST(HubAnswers, PreuploadSaysWhatIsLarge) {
    std::vector<UploadMode> modes = parse_preupload(
        R"({"files": [{"path": "a", "uploadMode": "lfs", "shouldIgnore": false, "oid": null}, {"path": "b", "uploadMode": "regular", "shouldIgnore": true, "oid": "x"}]})",
        "hub");
    ASSERT_EQ(modes.size(), 2u);
    EXPECT_TRUE(modes[0].is_large && !modes[0].is_ignored && modes[0].id.empty());
    EXPECT_TRUE(!modes[1].is_large && modes[1].is_ignored && modes[1].id == "x");
    EXPECT_THROW(parse_preupload(R"({"files": [{"path": "a", "uploadMode": "ftp"}]})", "hub"), Error);
}

TEST(HubAnswers, LfsUploadsAreWholeOrInParts) {
    auto batch = [](std::string_view object) {
        return parse_lfs_batch(fmt::format(R"({{"objects": [{{"oid": "{}", "size": 9{}}}]}})", sha256, object), "hub")
            .at(0);
    };
    EXPECT_EQ(batch("").upload_url, "");
    EXPECT_EQ(batch(R"(, "error": {"code": 422, "message": "too large"})").problem, "too large");
    LfsUpload whole = batch(R"(, "actions": {"upload": {"href": "http://s/u"}, "verify": {"href": "http://h/v"}})");
    EXPECT_EQ(whole.upload_url, "http://s/u");
    EXPECT_EQ(whole.verify_url, "http://h/v");
    EXPECT_EQ(whole.part_bytes, 0);
    LfsUpload parts = batch(
        R"(, "actions": {"upload": {"href": "http://h/c", "header": {"chunk_size": "5", "00002": "p2", "00001": "p1"}}})");
    EXPECT_EQ(parts.part_bytes, 5);
    EXPECT_THAT(parts.part_urls, ElementsAre("p1", "p2"));
    for (const char* header :
         {R"("chunk_size": "0")", R"("chunk_size": "x")", R"("chunk_size": "5", "00002": "p2")", R"("chunk_size": -1)"})
        EXPECT_THROW(batch(fmt::format(R"(, "actions": {{"upload": {{"href": "x", "header": {{{}}}}}}})", header)),
                     Error)
            << header;
}

TEST(HubAnswers, CommitsHaveAnId) {
    CommitResult result =
        parse_commit(R"({"commitOid": ")" + sha1 + R"(", "commitUrl": "u", "pullRequestUrl": "p"})", "hub");
    EXPECT_EQ(result.commit, sha1);
    EXPECT_EQ(result.pull_request, "p");
    EXPECT_THROW(parse_commit(R"({"commitOid": "x"})", "hub"), Error);
}

}  // namespace
}  // namespace puna
