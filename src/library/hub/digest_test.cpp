#include "library/hub/digest.h"

#include "core/atomic_file.h"
#include "core/test_folder.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

// Values of sha256sum and git hash-object.
TEST(ContentDigest, IsWhatTheHubNamesContentBy) {
    EXPECT_EQ(sha256_of("hello\n"), "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
    EXPECT_EQ(git_blob_id("hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
    EXPECT_EQ(git_blob_id(""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    TestFolder folder;
    write_file(folder / "x", "hello\n");
    EXPECT_EQ(sha256_of_file(folder / "x"), sha256_of("hello\n"));
    write_file(folder / "empty", "");
    EXPECT_EQ(sha256_of_file(folder / "empty"), sha256_of(""));
}

TEST(ContentDigest, MayBeComputedInPieces) {
    ContentDigest digest({std::string(40, '0')}, 6);
    for (std::string_view piece : {"he", "", "llo\n"}) digest.add(std::as_bytes(std::span(piece)));
    EXPECT_EQ(digest.hex(), git_blob_id("hello\n"));
}

TEST(ContentId, IsAnEtagOfOneOfTwoLengths) {
    std::string sha1(40, 'A'), sha256(64, '0');
    EXPECT_EQ(parse_content_id("\"" + sha256 + "\"")->hex, sha256);
    EXPECT_TRUE(parse_content_id(sha256)->is_sha256());
    EXPECT_EQ(parse_content_id("W/\"" + sha1 + "\"")->hex, std::string(40, 'a'));
    for (const std::string& etag :
         {std::string(), std::string("\"\""), std::string(41, 'a'), "../" + std::string(61, 'a'),
          sha256.substr(1) + "g", "\"" + sha1, std::string(39, 'a') + '\0'})
        EXPECT_FALSE(parse_content_id(etag)) << etag;
}

}  // namespace
}  // namespace puna
