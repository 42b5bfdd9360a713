#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"
#include "tokenizer/test_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(TokenRoles, AreThoseOfLlamasControlTokens) {
    const TokenRoles& roles = small_tokenizer().roles();
    auto name = [](std::optional<int32_t> id) { return id ? small_tokenizer().bytes(*id) : "none"; };
    EXPECT_EQ(name(roles.bos), "<|begin_of_text|>");
    EXPECT_EQ(name(roles.eos), "<|end_of_text|>");
    EXPECT_EQ(name(roles.eot), "<|eot_id|>");
    EXPECT_EQ(name(roles.eom), "<|eom_id|>");
    EXPECT_EQ(name(roles.header_begin), "<|start_header_id|>");
    EXPECT_EQ(name(roles.header_end), "<|end_header_id|>");
    EXPECT_EQ(name(roles.pad), "<|finetune_right_pad_id|>");
    EXPECT_EQ(small_tokenizer().padding(), roles.pad);
}

TEST(TokenRoles, TextThatSpellsAControlTokenHasNoneButEndsGeneration) {
    Vocabulary vocabulary = small_tokenizer().vocabulary();
    vocabulary.added_tokens[*vocabulary.added.index_of(*small_tokenizer().roles().eot)].control = false;
    Tokenizer tokenizer(std::move(vocabulary));
    EXPECT_EQ(tokenizer.roles().eot, std::nullopt);
    EXPECT_EQ(tokenizer.stop_ids(), small_tokenizer().stop_ids());
}

TEST(TokenRoles, BosIsKnownWhereTextsBeginWithoutIt) {
    TestFolder folder;
    save_tokenizer(small_tokenizer(), folder.path());
    write_file(folder / "tokenizer_config.json",
               R"({"add_bos_token": false, "tokenizer_class": "LlamaTokenizerFast"})");
    Tokenizer tokenizer = load_tokenizer(folder.path());
    EXPECT_EQ(tokenizer.begin_of_text(), std::nullopt);
    EXPECT_EQ(tokenizer.roles().bos, small_tokenizer().roles().bos);
}

// A tokenizer of single bytes, without Llama 3's control tokens: the id of "s" is that of a byte.
struct PlainFolder : TestFolder {
    PlainFolder() { save_tokenizer(train_tokenizer(PieceCounter(), {.vocabulary = 256, .control_tokens = 0}), path()); }
    Tokenizer load() const { return load_tokenizer(path()); }
};

TEST(TokenRoles, ModelFilesNameThemWhereLlamasAreMissing) {
    PlainFolder folder;
    int32_t s = folder.load().encode("s")[0], e = folder.load().encode("e")[0];
    write_file(folder / "config.json", fmt::format(R"({{"bos_token_id": {}, "eos_token_id": [{}, 999]}})", s, e));
    EXPECT_EQ(folder.load().begin_of_text(), s);
    EXPECT_EQ(folder.load().end_of_text(), e);
    EXPECT_EQ(folder.load().padding(), e);
    EXPECT_EQ(folder.load().stop_ids(), std::vector<int32_t>{e});
    write_file(folder / "special_tokens_map.json", R"({"bos_token": {"content": "e", "lstrip": false}})");
    EXPECT_EQ(folder.load().begin_of_text(), e);
    write_file(folder / "tokenizer_config.json",
               R"({"bos_token": "s", "unread": 1e999, "tokenizer_class": "LlamaTokenizer"})");
    EXPECT_EQ(folder.load().begin_of_text(), e);
    write_file(folder / "tokenizer_config.json",
               R"({"bos_token": "s", "added_tokens_decoder": {}, "tokenizer_class": "LlamaTokenizer"})");
    EXPECT_EQ(folder.load().begin_of_text(), s);
}

// Replaces the post-processor of the folder's tokenizer.json.
void set_post_processor(const TestFolder& folder, const std::string& json) {
    std::string text = read_text(folder / "tokenizer.json");
    size_t begin = text.find("\"post_processor\": "), end = text.find("\"decoder\"");
    write_file(folder / "tokenizer.json", text.replace(begin, end - begin, "\"post_processor\": " + json + ",\n  "));
}

std::string template_processor(const std::string& pieces) {
    return fmt::format(R"({{"type": "TemplateProcessing", "single": [{}], "pair": [],
        "special_tokens": {{"x": {{"id": "x", "ids": [101], "tokens": ["e"]}}, "y": {{"ids": [900]}}}}}})",
                       pieces);
}

TEST(TokenRoles, ABosTokenBeginsATextOnlyWhereTheFilesSaySo) {
    constexpr const char *text = R"({"Sequence": {"id": "A", "type_id": 0}})",
                         *special = R"({"SpecialToken": {"id": "x", "type_id": 0}})";
    PlainFolder folder;
    int32_t s = folder.load().encode("s")[0];
    auto begin = [&](const std::string& config) {
        write_file(folder / "tokenizer_config.json", config);
        return folder.load().begin_of_text();
    };
    auto problem = [&] { return error_of([&] { begin("{}"); }); };
    EXPECT_EQ(begin(R"({"bos_token": "s"})"), std::nullopt);
    EXPECT_EQ(begin(R"({"bos_token": "s", "tokenizer_class": "LlamaTokenizer"})"), s);
    EXPECT_EQ(begin(R"({"bos_token": "s", "tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true})"), s);
    EXPECT_EQ(begin(R"({"bos_token": "s", "tokenizer_class": "LlamaTokenizer", "add_bos_token": false})"),
              std::nullopt);
    set_post_processor(folder, template_processor(fmt::format("{}, {}", special, text)));
    EXPECT_EQ(begin(R"({"bos_token": "s"})"), 101);
    EXPECT_EQ(begin(R"({"bos_token": "s", "add_bos_token": false})"), 101);
    EXPECT_EQ(begin(R"({"bos_token": "s", "tokenizer_class": "LlamaTokenizer"})"), s);
    set_post_processor(folder, fmt::format(R"({{"type": "Sequence", "processors": [{{"type": "ByteLevel"}}, {}]}})",
                                           template_processor(fmt::format("{}, {}", text, special))));
    EXPECT_EQ(begin(R"({"bos_token": "s"})"), std::nullopt);
    std::string where = (folder / "tokenizer.json").string() + ": post_processor ";
    set_post_processor(folder, template_processor(R"({"SpecialToken": {"id": "y", "type_id": 0}})"));
    EXPECT_EQ(problem(), where + "begins with 'y', which is not a token");
    set_post_processor(folder, template_processor(fmt::format("{}, {}, {}", special, special, text)));
    EXPECT_EQ(problem(), where + "puts 2 tokens before a text, which is not supported");
    set_post_processor(folder, R"({"type": "RobertaProcessing", "cls": ["<s>", 1], "sep": ["</s>", 2]})");
    EXPECT_EQ(problem(), where + "is of the type \"RobertaProcessing\", which is not supported");
}

TEST(TokenRoles, ModelsMayHaveNone) {
    PlainFolder folder;
    for (const char* config : {R"({"bos_token": null})", "{}"}) {
        write_file(folder / "tokenizer_config.json", config);
        EXPECT_EQ(folder.load().begin_of_text(), std::nullopt) << config;
        EXPECT_EQ(folder.load().padding(), 0);
        EXPECT_THAT(error_of([&] { folder.load().end_of_text(); }), HasSubstr("no token that ends a text"));
    }
    write_file(folder / "config.json", R"({"bos_token_id": -1})");
    EXPECT_EQ(folder.load().begin_of_text(), std::nullopt);
}

TEST(TokenRoles, UnknownOnesAreErrorsOnlyWhereTheyAreUsed) {
    PlainFolder folder;
    auto problem = [&] { return error_of([&] { folder.load().begin_of_text(); }); };
    EXPECT_EQ(problem(), (folder / "tokenizer.json").string() +
                             ": has no token <|begin_of_text|>, and no tokenizer_config.json beside it names another "
                             "as bos_token");
    EXPECT_EQ(folder.load().find_begin_of_text(), std::nullopt);
    write_file(folder / "tokenizer_config.json", R"({"bos_token": "<s>", "tokenizer_class": "LlamaTokenizer"})");
    EXPECT_EQ(problem(), fmt::format("{0}/tokenizer_config.json: bos_token: names '<s>', which is not a token of "
                                     "{0}/tokenizer.json",
                                     folder.path().string()));
    write_file(folder / "tokenizer_config.json", R"({"bos_token": 7000000000, "tokenizer_class": "LlamaTokenizer"})");
    EXPECT_THAT(problem(), HasSubstr("is 7000000000, which is not a token of"));
}

TEST(TokenRoles, WhatBeginsATextIsSavedWithTheTokenizer) {
    TestFolder folder, saved;
    save_tokenizer(small_tokenizer(), folder.path());
    write_file(folder / "tokenizer_config.json",
               R"({"add_bos_token": false, "tokenizer_class": "LlamaTokenizerFast"})");
    Tokenizer without = load_tokenizer(folder.path());
    EXPECT_EQ(without.begin_of_text(), std::nullopt);
    save_tokenizer(without, saved.path());
    EXPECT_EQ(load_tokenizer(saved.path()).begin_of_text(), std::nullopt);
    PlainFolder plain;
    int32_t s = plain.load().encode("s")[0];
    write_file(plain / "tokenizer_config.json", R"({"bos_token": "s", "tokenizer_class": "LlamaTokenizer"})");
    save_tokenizer(plain.load(), saved.path());
    EXPECT_EQ(load_tokenizer(saved.path()).begin_of_text(), s);
}

TEST(TokenRoles, LlamasOwnTakePrecedence) {
    TestFolder folder;
    save_tokenizer(small_tokenizer(), folder.path());
    write_file(folder / "tokenizer_config.json", R"({"bos_token": "e", "eos_token": null})");
    EXPECT_EQ(load_tokenizer(folder.path()).begin_of_text(), small_tokenizer().begin_of_text());
    EXPECT_EQ(load_tokenizer(folder.path()).end_of_text(), small_tokenizer().end_of_text());
}

TEST(TokenRoles, EveryEndOfTurnTokenEndsGeneration) {
    Vocabulary vocabulary = small_tokenizer().vocabulary();
    auto ends = [&](const std::vector<std::string>& controls, std::optional<int32_t> eos) {
        vocabulary.added = TokenTable();
        vocabulary.added_tokens.clear();
        vocabulary.append_controls(controls);
        vocabulary.begin_of_text = TextToken{};
        vocabulary.end_of_text = TextToken{.id = eos};
        return Tokenizer(vocabulary).stop_ids();
    };
    EXPECT_THAT(ends({"<s>", "</s>"}, 345), ElementsAre(345));                                     // Llama 1 and 2
    EXPECT_THAT(ends({"<s>", "</s>", "<|im_start|>", "<|im_end|>"}, 345), ElementsAre(345, 347));  // ChatML
    EXPECT_THAT(ends({"<|user|>", "<|end|>", "<|endoftext|>"}, {}), ElementsAre(345, 346));
    EXPECT_THAT(ends({"<\uff5cend\u2581of\u2581sentence\uff5c>", "<|EOT|>"}, {}), ElementsAre(344, 345));  // DeepSeek
    EXPECT_THAT(ends({"<eoh>", "<eoa>"}, {}), ElementsAre(345));                                           // InternLM
    EXPECT_THAT(ends({"<x>", "<y>"}, 344), ElementsAre(344));
    for (AddedToken& token : vocabulary.added_tokens) token.control = false;
    vocabulary.added = TokenTable(std::vector<int32_t>{344, 345}, 13);
    ASSERT_TRUE(vocabulary.added.set(344, "<x>") && vocabulary.added.set(345, "<|im_end|>"));
    EXPECT_THAT(Tokenizer(vocabulary).stop_ids(), ElementsAre(344, 345)) << "also one that is not special";
}

TEST(TokenRoles, WhatTheFilesNameAsEndEndsGenerationBesideLlama3s) {
    TestFolder folder;
    save_tokenizer(small_tokenizer(), folder.path());
    write_file(folder / "tokenizer_config.json", R"({"eos_token": "<|reserved_special_token_7|>"})");
    Tokenizer tokenizer = load_tokenizer(folder.path());
    EXPECT_EQ(tokenizer.end_of_text(), small_tokenizer().end_of_text());
    std::vector<int32_t> stops = small_tokenizer().stop_ids();
    stops.push_back(*tokenizer.find_control("<|reserved_special_token_7|>"));
    EXPECT_EQ(tokenizer.stop_ids(), stops);
}

TEST(TokenRoles, TokensBeyondTheModelsVocabularyAreRejected) {
    TestFolder folder;
    save_tokenizer(small_tokenizer(), folder.path());
    write_file(folder / "config.json",
               R"({"vocab_size": 344})");  // control tokens may be beyond it: nothing produces them
    EXPECT_EQ(load_tokenizer(folder.path()).size(), 360);
    write_file(folder / "config.json", R"({"vocab_size": 343})");
    EXPECT_THAT(error_of([&] { load_tokenizer(folder.path()); }),
                HasSubstr("has id 343, but the model's vocab_size is 343"));
}

}  // namespace
}  // namespace puna
