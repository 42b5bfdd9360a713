// Folders in Hugging Face's older form: tokenizer.model with the files beside it. The ids are those of libsentencepiece
// for the texts between added tokens.
#include "core/atomic_file.h"
#include "core/test_folder.h"
#include "tokenizer/gguf_vocabulary.h"
#include "tokenizer/test_sentencepiece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Ids = std::vector<int32_t>;

const std::string& model() {
    static const std::string bytes = train_sentencepiece(llama_options);
    return bytes;
}
constexpr int32_t pieces = 420;

// A folder with the model and other files.
struct OldFolder : TestFolder {
    explicit OldFolder(std::initializer_list<std::pair<const char*, const char*>> files) {
        write_file(*this / "tokenizer.model", model());
        for (auto [name, text] : files) write_file(*this / name, text);
    }
    Tokenizer load() const { return load_tokenizer(path()); }
};

Ids encode(const std::string& text) { return SentencePieceOracle(model()).encode(text); }

Ids operator+(Ids a, const Ids& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

TEST(AddedTokenFiles, TheModelAloneIsEnough) {
    Tokenizer tokenizer = OldFolder({}).load();
    EXPECT_EQ(tokenizer.encode("the cat"), encode("the cat"));
    EXPECT_EQ(tokenizer.begin_of_text(), 1);
    EXPECT_EQ(tokenizer.end_of_text(), 2);
}

TEST(AddedTokenFiles, AddedTokensHaveTheIdsOfAddedTokensJson) {
    Tokenizer tokenizer =
        OldFolder(
            {{"added_tokens.json", R"({"<pad>": 420, "<|im_end|>": 421, "plain": 422})"},
             {"special_tokens_map.json", R"({"pad_token": "<pad>", "additional_special_tokens": ["<|im_end|>"]})"},
             {"tokenizer_config.json", R"({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>"})"}})
            .load();
    EXPECT_EQ(tokenizer.size(), pieces + 3);
    EXPECT_TRUE(tokenizer.is_control(420) && tokenizer.is_control(421));
    EXPECT_EQ(tokenizer.kind(422), TokenKind::added);
    EXPECT_EQ(tokenizer.encode("the cat plain the<|im_end|>"),
              encode("the cat ") + Ids{422} + encode(" the<|im_end|>"));
    EXPECT_EQ(tokenizer.encode_with_control("<s>the<|im_end|>"), Ids{1} + encode("the") + Ids{421});
    EXPECT_THAT(tokenizer.stop_ids(), ElementsAre(2, 421));
    EXPECT_EQ(tokenizer.begin_of_text(), 1);
}

TEST(AddedTokenFiles, FlagsAreThoseOfTheConfigsDecoder) {
    Tokenizer tokenizer =
        OldFolder({{"tokenizer_config.json", R"({"tokenizer_class": "LlamaTokenizer", "added_tokens_decoder": {
            "0": {"content": "<unk>", "special": true}, "1": {"content": "<s>", "special": true},
            "2": {"content": "</s>", "special": true},
            "420": {"content": "<r>", "rstrip": true, "special": false}, "421": {"content": "<c>", "special": true}}})"}})
            .load();
    EXPECT_EQ(tokenizer.encode("the<r>  cat"), encode("the") + Ids{420} + encode("cat"));
    EXPECT_TRUE(tokenizer.is_control(421));
    EXPECT_TRUE(tokenizer.is_control(0));
}

TEST(AddedTokenFiles, LegacySaysWhereASpaceIsPutBeforeText) {
    const char *legacy = R"({"tokenizer_class": "LlamaTokenizer", "legacy": true})",
               *newer = R"({"tokenizer_class": "LlamaTokenizer", "legacy": false})",
               *without = R"({"tokenizer_class": "LlamaTokenizer", "add_prefix_space": false})";
    Ids the = encode("the"), bare = encode("xthe");
    bare.erase(bare.begin(), bare.begin() + 1);
    EXPECT_EQ(OldFolder({{"tokenizer_config.json", legacy}}).load().encode_with_control("the<s>the"),
              the + Ids{1} + the);
    Tokenizer tokenizer = OldFolder({{"tokenizer_config.json", newer}}).load();
    EXPECT_EQ(tokenizer.encode("the"), the);
    EXPECT_EQ(tokenizer.encode(" the"), the) << "no second space";
    EXPECT_NE(tokenizer.encode_with_control("<s>the"), Ids{1} + the);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode_with_control("<s>the")), "<s>the");
    Tokenizer bare_tokenizer = OldFolder({{"tokenizer_config.json", without}}).load();
    EXPECT_EQ(bare_tokenizer.decode(bare_tokenizer.encode(" the")), " the");
    EXPECT_NE(bare_tokenizer.encode("the"), the);
}

TEST(AddedTokenFiles, TheTokenizersOwnIdsCountMoreThanThoseOfTheFirstConversions) {
    Tokenizer tokenizer =
        OldFolder(
            {{"config.json", R"({"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": -1, "vocab_size": 420})"},
             {"tokenizer_config.json", R"({"bos_token": "", "eos_token": "", "tokenizer_class": "LlamaTokenizer"})"}})
            .load();
    EXPECT_EQ(tokenizer.begin_of_text(), 1);
    EXPECT_EQ(tokenizer.end_of_text(), 2);
}

TEST(AddedTokenFiles, ContradictionsAreRejectedByName) {
    auto problem = [](const char* name, const char* text) {
        return error_of([&] { OldFolder({{name, text}}).load(); });
    };
    EXPECT_THAT(problem("added_tokens.json", R"({"<pad>": 300})"),
                HasSubstr("added_tokens.json: token '<pad>' has id 300, which is '"));
    EXPECT_THAT(problem("added_tokens.json", R"({"<pad>": -2})"), HasSubstr("has id -2"));
    EXPECT_THAT(problem("added_tokens.json", R"({"<pad>": "x"})"), HasSubstr("'<pad>' must be the id of a token"));
    EXPECT_THAT(problem("added_tokens.json", R"({"<s>": 420})"), HasSubstr("token '<s>' has two ids"));
    EXPECT_THAT(problem("tokenizer_config.json", R"({"added_tokens_decoder": {"420": {"special": true}}})"),
                HasSubstr("added_tokens_decoder.420"));
    for (const char* id : {"420 x", "0420", "-1", "x", ""})
        EXPECT_THAT(problem("tokenizer_config.json",
                            fmt::format(R"({{"added_tokens_decoder": {{"{}": {{"content": "a"}}}}}})", id).c_str()),
                    HasSubstr("is not under the id of a token"))
            << id;
    EXPECT_THAT(error_of([&] {
                    OldFolder({{"added_tokens.json", R"({"<a>": 420})"},
                               {"tokenizer_config.json", R"({"added_tokens_decoder": {"420": {"content": "<b>"}}})"}})
                        .load();
                }),
                HasSubstr("token 420 is '<"));
}

TEST(AddedTokenFiles, TokensThatATokenizerJsonLacksAreAdded) {
    TestFolder folder;
    save_tokenizer(small_tokenizer(), folder.path());
    int32_t next = small_tokenizer().size();
    write_file(folder / "added_tokens.json", fmt::format(R"({{"<pad>": {}, "zebra": {}, "e": 101}})", next, next + 1));
    write_file(folder / "special_tokens_map.json", R"({"pad_token": "<pad>"})");
    Tokenizer tokenizer = load_tokenizer(folder.path());
    EXPECT_EQ(tokenizer.size(), next + 2);
    EXPECT_TRUE(tokenizer.is_control(next));
    EXPECT_EQ(tokenizer.encode("a zebra").back(), next + 1);
    EXPECT_EQ(tokenizer.encode(small_text), small_tokenizer().encode(small_text));
    EXPECT_EQ(tokenizer.stop_ids(), small_tokenizer().stop_ids());
    write_file(folder / "tokenizer_config.json", R"({"added_tokens_decoder": {"256": {"content": "<x>"}}})");
    EXPECT_THAT(error_of([&] { load_tokenizer(folder.path()); }),
                HasSubstr("tokenizer_config.json: added_tokens_decoder: token '<x>' has id 256, which is '"));
}

TEST(AddedTokenFiles, SavedFormsGiveTheSameIds) {
    OldFolder folder({{"added_tokens.json", R"({"<pad>": 420, "<|im_end|>": 421, "plain": 422})"},
                      {"special_tokens_map.json", R"({"pad_token": "<pad>"})"}});
    Tokenizer tokenizer = folder.load();
    TestFolder json;
    save_tokenizer(tokenizer, json.path());
    std::string text = std::string(small_text) + " plain  text<pad>plain\n\n  x";
    EXPECT_EQ(load_tokenizer(json.path()).encode(text), tokenizer.encode(text));
    EXPECT_EQ(load_tokenizer(json.path()).encode_with_control(text), tokenizer.encode_with_control(text));
    EXPECT_EQ(load_tokenizer(json.path()).decode(tokenizer.encode(text)), tokenizer.decode(tokenizer.encode(text)));
    TestFolder model_folder;
    save_tokenizer_model(tokenizer, model_folder.path());
    EXPECT_EQ(load_tokenizer(model_folder.path()).encode(small_text), tokenizer.encode(small_text));
    EXPECT_EQ(load_tokenizer(model_folder.path()).size(), tokenizer.size());
    GgufMetadata metadata;
    EXPECT_EQ(add_gguf_vocabulary(metadata, tokenizer), "");
    GgufWriter(model_folder / "x.gguf", metadata, {}).commit();
    EXPECT_EQ(load_tokenizer(model_folder / "x.gguf").encode(text), tokenizer.encode(text));
    EXPECT_EQ(load_tokenizer(model_folder / "x.gguf").stop_ids(), tokenizer.stop_ids());
}

}  // namespace
}  // namespace puna
