#include "core/atomic_file.h"
#include "core/test_folder.h"
#include "tokenizer/test_tokenizer.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

// A tokenizer of single bytes, without Llama 3's control tokens: the id of "s" is that of a byte.
struct PlainFolder : TestFolder {
    PlainFolder() { save_tokenizer(train_tokenizer(PieceCounter(), {.vocabulary = 256, .control_tokens = 0}), path()); }
    Tokenizer load() const { return load_tokenizer(path()); }
};

TEST(TextTokens, ModelFilesNameThemWhereLlamasAreMissing) {
    PlainFolder folder;
    int32_t s = folder.load().encode("s")[0], e = folder.load().encode("e")[0];
    write_file(folder / "config.json", fmt::format(R"({{"bos_token_id": {}, "eos_token_id": [{}, 999]}})", s, e));
    EXPECT_EQ(folder.load().begin_of_text(), s);
    EXPECT_EQ(folder.load().end_of_text(), e);
    EXPECT_EQ(folder.load().padding(), e);
    EXPECT_EQ(folder.load().stop_ids(), std::vector<int32_t>{e});
    write_file(folder / "special_tokens_map.json", R"({"bos_token": {"content": "e", "lstrip": false}})");
    EXPECT_EQ(folder.load().begin_of_text(), e);
    write_file(folder / "tokenizer_config.json", R"({"bos_token": "s", "unread": 1e999})");
    EXPECT_EQ(folder.load().begin_of_text(), s);
}

TEST(TextTokens, ModelsMayHaveNone) {
    PlainFolder folder;
    for (const char* config : {R"({"bos_token": null})", "{}"}) {
        write_file(folder / "tokenizer_config.json", config);
        EXPECT_EQ(folder.load().begin_of_text(), std::nullopt) << config;
        EXPECT_EQ(folder.load().padding(), 0);
        EXPECT_NE(error_message([&] { folder.load().end_of_text(); }).find("no token that ends a text"),
                  std::string::npos);
    }
    write_file(folder / "config.json", R"({"bos_token_id": -1})");
    EXPECT_EQ(folder.load().begin_of_text(), std::nullopt);
}

TEST(TextTokens, UnknownOnesAreErrorsOnlyWhereTheyAreUsed) {
    PlainFolder folder;
    auto problem = [&] { return error_message([&] { folder.load().begin_of_text(); }); };
    EXPECT_EQ(problem(), (folder / "tokenizer.json").string() +
                             ": has no token <|begin_of_text|>, and no tokenizer_config.json beside it names another "
                             "as bos_token");
    EXPECT_EQ(folder.load().find_begin_of_text(), std::nullopt);
    write_file(folder / "tokenizer_config.json", R"({"bos_token": "<s>"})");
    EXPECT_EQ(problem(), fmt::format("{0}/tokenizer_config.json: bos_token: names '<s>', which is not a token of "
                                     "{0}/tokenizer.json",
                                     folder.path().string()));
    write_file(folder / "tokenizer_config.json", R"({"bos_token": 7000000000})");
    EXPECT_NE(problem().find("is 7000000000, which is not a token of"), std::string::npos);
}

TEST(TextTokens, LlamasOwnTakePrecedence) {
    TestFolder folder;
    save_tokenizer(small_tokenizer(), folder.path());
    write_file(folder / "tokenizer_config.json", R"({"bos_token": "e", "eos_token": null})");
    EXPECT_EQ(load_tokenizer(folder.path()).begin_of_text(), small_tokenizer().begin_of_text());
    EXPECT_EQ(load_tokenizer(folder.path()).end_of_text(), small_tokenizer().end_of_text());
}

}  // namespace
}  // namespace puna
