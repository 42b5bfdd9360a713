#include "library/hub/name.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

TEST(HubName, IsOwnerSlashNameWithAFileOrType) {
    std::optional<HubName> plain = parse_hub_name("meta-llama/Llama-3.2-1B");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->repository, "meta-llama/Llama-3.2-1B");
    EXPECT_EQ(plain->selector, "");
    EXPECT_EQ(parse_hub_name("a/b:q4_k_m")->selector, "q4_k_m");
    EXPECT_EQ(parse_hub_name("a/b:sub/model.gguf")->text(), "a/b:sub/model.gguf");
    for (const char* copied : {"hf.co/a/b", "https://huggingface.co/a/b", "huggingface.co/a/b"})
        EXPECT_EQ(parse_hub_name(copied)->repository, "a/b") << copied;
}

TEST(HubName, OtherTextsAreNone) {
    for (const char* text :
         {"",          "b",        "/b",     "a/",      "a/b/c",  "../b",     "a/..",
          "a/b:",      "a/b:../x", "a/b:/x", "a/b.git", "a/b--c", "a/b..c",   "-a/b",
          "a/b-",      "a b/c",    "a/b\n",  "./b",     "~/b",    "a/b:c\\d", "https://example.com/a/b",
          "a/\xc3\xa9"})
        EXPECT_FALSE(parse_hub_name(text)) << text;
    EXPECT_FALSE(parse_hub_name("a/" + std::string(97, 'b')));
}

TEST(HubName, HasAFolderInTheCache) {
    EXPECT_EQ(repository_folder("meta-llama/Llama-3.2-1B"), "models--meta-llama--Llama-3.2-1B");
    EXPECT_EQ(repository_of_folder("models--meta-llama--Llama-3.2-1B"), "meta-llama/Llama-3.2-1B");
    for (const char* folder :
         {"datasets--a--b", "models--", "models--gpt2", "models--a--..", ".locks", "models--a--b--c"})
        EXPECT_FALSE(repository_of_folder(folder)) << folder;
}

TEST(SafePath, StaysBelowItsFolder) {
    for (const char* path : {"config.json", "a/b/c.txt", ".gitattributes", "a..b", "...", "refs/pr/1", "a b[1].gguf"})
        EXPECT_TRUE(is_safe_path(path)) << path;
    for (const char* path : {"", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "a//b", "a/", ".", "a/./b",
                             "C:x", "c:/x", "\\\\server\\x", "a\\..\\b", "a\nb", "a\x7f"})
        EXPECT_FALSE(is_safe_path(path)) << path;
    EXPECT_FALSE(is_safe_path(std::string_view("a\0b", 3)));
    EXPECT_FALSE(is_safe_path(std::string(256, 'x')));
}

}  // namespace
}  // namespace puna
