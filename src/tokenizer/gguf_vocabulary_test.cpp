#include "tokenizer/gguf_vocabulary.h"

#include "core/json.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/sentencepiece_model.h"
#include "tokenizer/test_sentencepiece.h"
#include "tokenizer/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace puna {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

const fs::path derivatives = "../shared/derivatives/gguf_vocab";

struct VocabularyCase {
    std::string vocabulary, text;
    std::vector<int32_t> ids;
};

std::vector<VocabularyCase> read_cases() {
    std::vector<VocabularyCase> cases;
    std::string json = read_text(derivatives / "cases.jsonl");
    for (size_t at = 0, end; at < json.size(); at = end + 1) {
        end = std::min(json.find('\n', at), json.size());
        VocabularyCase& one = cases.emplace_back();
        std::string key;
        read_json(std::string_view(json).substr(at, end - at), "cases.jsonl", [&](const JsonEvent& event) {
            if (event.kind == JsonEvent::key) key = event.text;
            if (event.kind == JsonEvent::string && key == "vocab") one.vocabulary = event.text;
            if (event.kind == JsonEvent::string && key == "text") one.text = event.text;
            if (event.kind == JsonEvent::integer && key == "ids")
                one.ids.push_back(static_cast<int32_t>(event.integer_value));
        });
    }
    return cases;
}

fs::path gguf_of(const std::string& vocabulary) { return derivatives / ("ggml-vocab-" + vocabulary + ".gguf"); }

Tokenizer load(const fs::path& path) {
    GgufFile file(path);
    return Tokenizer(parse_gguf_vocabulary(file), path.string());
}

Tokenizer load(const GgufMetadata& metadata) {
    TestFolder folder;
    GgufWriter(folder / "x.gguf", metadata, {}).commit();
    return load(folder / "x.gguf");
}

Tokenizer through_gguf(const Tokenizer& tokenizer) {
    GgufMetadata metadata;
    EXPECT_EQ(add_gguf_vocabulary(metadata, tokenizer), "");
    return load(metadata);
}

void expect_same_json(const Tokenizer& a, const Tokenizer& b) {
    EXPECT_EQ(tokenizer_json_text(a.vocabulary()), tokenizer_json_text(b.vocabulary()));
    EXPECT_EQ(a.encode(small_text), b.encode(small_text));
    EXPECT_EQ(a.begin_of_text(), b.begin_of_text());
    EXPECT_EQ(a.stop_ids(), b.stop_ids());
}

// Null: only its texts and ids are in ../shared.
const Tokenizer* known_vocabulary(const std::string& name) {
    static std::map<std::string, Tokenizer> loaded;
    if (name == "llama-bpe") return has_llama3() ? &llama3() : nullptr;
    if (!fs::exists(gguf_of(name))) return nullptr;
    auto known = loaded.find(name);
    if (known == loaded.end()) known = loaded.emplace(name, load(gguf_of(name))).first;
    return &known->second;
}

TEST(GgufVocabulary, GivesTheKnownIdsOfEachVocabularyOfSharedDerivatives) {
    if (!fs::exists(derivatives)) GTEST_SKIP() << "../shared/derivatives is missing";
    int checked = 0;
    for (const VocabularyCase& one : read_cases()) {
        const Tokenizer* tokenizer = known_vocabulary(one.vocabulary);
        if (!tokenizer) continue;
        EXPECT_EQ(tokenizer->encode(one.text), one.ids) << one.vocabulary << ": " << one.text;
        EXPECT_EQ(tokenizer->decode(one.ids), one.text) << one.vocabulary;
        ++checked;
    }
    EXPECT_GE(checked, 3 * 47);
}

TEST(GgufVocabulary, KnowsWhatBeginsAndEndsTextsAndAnswersOfSharedDerivatives) {
    if (!fs::exists(derivatives)) GTEST_SKIP() << "../shared/derivatives is missing";
    const Tokenizer &llama2 = *known_vocabulary("llama-spm"), &coder = *known_vocabulary("deepseek-coder");
    EXPECT_EQ(llama2.begin_of_text(), 1);
    EXPECT_EQ(llama2.end_of_text(), 2);
    EXPECT_THAT(llama2.stop_ids(), ElementsAre(2));
    EXPECT_EQ(llama2.vocabulary().sentencepiece.unknown, 0);
    EXPECT_EQ(coder.begin_of_text(), 32013);
    EXPECT_EQ(coder.end_of_text(), 32014);
    EXPECT_THAT(coder.stop_ids(), ElementsAre(32014, 32021)) << "<|EOT|>, which is user-defined";
    EXPECT_EQ(coder.kind(32009), TokenKind::added);  // \u00fc
    EXPECT_EQ(coder.kind(32022), TokenKind::none);   // [PAD32022]
}

TEST(GgufVocabulary, ByteLevelVocabulariesComeBackTheSame) {
    expect_same_json(through_gguf(small_tokenizer()), small_tokenizer());
    if (has_llama3()) expect_same_json(through_gguf(llama3()), llama3());
    Vocabulary vocabulary = small_tokenizer().vocabulary();
    vocabulary.whole_pieces = false;
    expect_same_json(through_gguf(Tokenizer(vocabulary)), Tokenizer(vocabulary));  // named smaug-bpe
    vocabulary.added_tokens[3] = {.control = false, .single_word = true, .lstrip = true};
    vocabulary.added_tokens[4] = {.control = true, .rstrip = true, .normalized = true};
    vocabulary.begin_of_text = TextToken{};
    expect_same_json(through_gguf(Tokenizer(vocabulary)), Tokenizer(vocabulary));
}

// Without Llama 3's control tokens, which go with its pattern.
Vocabulary without_controls() {
    Vocabulary vocabulary = small_tokenizer().vocabulary();
    vocabulary.added = TokenTable();
    vocabulary.added_tokens.clear();
    vocabulary.append_controls({"<|im_start|>", "<|im_end|>", "<s>"});
    vocabulary.begin_of_text = vocabulary.end_of_text = TextToken{.id = vocabulary.added.find("<s>")};
    return vocabulary;
}

TEST(GgufVocabulary, PublishedVocabulariesComeBackTheSame) {
    if (!fs::exists(derivatives)) GTEST_SKIP() << "../shared/derivatives is missing";
    for (const char* name : {"llama-spm", "deepseek-coder"}) {
        const Tokenizer& tokenizer = *known_vocabulary(name);
        std::string json = tokenizer_json_text(tokenizer.vocabulary());
        EXPECT_TRUE(tokenizer_json_text(through_gguf(tokenizer).vocabulary()) == json) << name;
        EXPECT_TRUE(tokenizer_json_text(Tokenizer(parse_tokenizer_json(json, "x.json")).vocabulary()) == json) << name;
    }
}

TEST(GgufVocabulary, EachSplitPatternComesBack) {
    for (const SplitPatternInfo& pattern : split_patterns()) {
        Vocabulary vocabulary = without_controls();
        vocabulary.split = pattern.pattern;
        vocabulary.whole_pieces = pattern.gguf_names[0].whole_pieces;
        expect_same_json(through_gguf(Tokenizer(vocabulary)), Tokenizer(vocabulary));
    }
    Vocabulary vocabulary = without_controls();
    vocabulary.split = SplitPattern::gpt2;
    GgufMetadata metadata;
    EXPECT_THAT(add_gguf_vocabulary(metadata, Tokenizer(vocabulary)), HasSubstr("no pre-tokenizer of other engines"));
    expect_same_json(load(metadata), Tokenizer(vocabulary));
}

TEST(GgufVocabulary, SentencePieceVocabulariesComeBackTheSame) {
    for (const char* options :
         {llama_options, "--vocab_size=120 --add_dummy_prefix=false --remove_extra_whitespaces=false",
          "--vocab_size=430 --byte_fallback=true --remove_extra_whitespaces=false "
          "--user_defined_symbols=<ud>,<ud2>"}) {
        SCOPED_TRACE(options);
        Tokenizer tokenizer(parse_sentencepiece_model(train_sentencepiece(options), "x.model"));
        expect_same_json(through_gguf(tokenizer), tokenizer);
        std::string json = tokenizer_json_text(tokenizer.vocabulary());
        Tokenizer from_json(parse_tokenizer_json(json, "x.json"));
        EXPECT_EQ(tokenizer_json_text(from_json.vocabulary()), json);
        EXPECT_EQ(tokenizer_json_text(through_gguf(from_json).vocabulary()), json);
    }
}

TEST(GgufVocabulary, RowsWithoutATokenArePadding) {
    Vocabulary vocabulary = without_controls();
    vocabulary.added = TokenTable(std::vector<int32_t>{400, 402}, 6);
    ASSERT_TRUE(vocabulary.added.set(402, "<s>"));
    vocabulary.added_tokens = {{}, {.control = true}};
    vocabulary.begin_of_text = vocabulary.end_of_text = TextToken{.id = 402};
    Tokenizer tokenizer = through_gguf(Tokenizer(vocabulary));
    EXPECT_EQ(tokenizer.size(), 403);
    EXPECT_EQ(tokenizer.kind(401), TokenKind::none);
    EXPECT_EQ(tokenizer.bytes(402), "<s>");
}

// ---- what is refused

struct Keys {
    std::vector<std::string> tokens;
    std::vector<int32_t> types;
    std::vector<std::string> merges = {"a b"};
    std::string model = "gpt2", pattern = "gpt-2";

    Keys() {
        for (const auto& [token, id] : {std::pair{"ab", 256}, {"<s>", 257}}) {
            while (static_cast<int>(tokens.size()) < id) {
                char byte = static_cast<char>(tokens.size());
                tokens.push_back(bytes_to_unicode({&byte, 1}));
            }
            tokens.emplace_back(token);
        }
        types.assign(tokens.size(), 1);
        types.back() = 3;
    }
    GgufMetadata metadata() const {
        GgufMetadata keys;
        keys.add("tokenizer.ggml.model", model);
        keys.add("tokenizer.ggml.pre", pattern);
        keys.add_list("tokenizer.ggml.tokens", tokens);
        keys.add_list("tokenizer.ggml.token_type", types);
        keys.add_list("tokenizer.ggml.merges", merges);
        return keys;
    }
};

std::string error_in(const GgufMetadata& metadata) {
    return error_of([&metadata] { load(metadata); });
}

void expect_error(const GgufMetadata& metadata, std::string_view key, std::string_view problem) {
    EXPECT_THAT(error_in(metadata), AllOf(HasSubstr("x.gguf: "), HasSubstr(key), HasSubstr(problem)));
}

TEST(GgufVocabulary, MalformedKeysAreRejectedByName) {
    EXPECT_EQ(error_in(Keys().metadata()), "no error");
    Keys keys;
    keys.types.pop_back();
    expect_error(keys.metadata(), "'tokenizer.ggml.token_type'", "has 257 values for 258 tokens");
    keys = Keys();
    keys.types[3] = 7;
    expect_error(keys.metadata(), "'tokenizer.ggml.token_type'", "the unknown type 7 for token 3");
    keys = Keys();
    keys.tokens[97] = "\xff";
    expect_error(keys.metadata(), "'tokenizer.ggml.tokens'", "not UTF-8: 97");
    keys = Keys();
    keys.tokens[97] = "b";
    expect_error(keys.metadata(), "'tokenizer.ggml.tokens'", "has the token 'b' twice: 97 and 98");
    keys = Keys();
    keys.merges = {"a c"};
    expect_error(keys.metadata(), "'tokenizer.ggml.merges'", "the result is not a token");
    keys.merges = {"a xy"};
    expect_error(keys.metadata(), "'tokenizer.ggml.merges'", "'xy' is merged, but is not a text token");
    keys.merges = {"ab"};
    expect_error(keys.metadata(), "'tokenizer.ggml.merges'", "expected two tokens with a space between");
    GgufMetadata scored = Keys().metadata();
    scored.add_list("tokenizer.ggml.scores", std::vector<float>(10));
    expect_error(scored, "'tokenizer.ggml.scores'", "has 10 values for 258 tokens");
    GgufMetadata without_types;
    without_types.add("tokenizer.ggml.model", "gpt2");
    without_types.add_list("tokenizer.ggml.tokens", Keys().tokens);
    expect_error(without_types, "'tokenizer.ggml.token_type'", "has no key");
    GgufMetadata without_model;
    without_model.add_list("tokenizer.ggml.tokens", Keys().tokens);
    expect_error(without_model, "'tokenizer.ggml.model'", "has tokens but no key");
    keys = Keys();
    keys.model = "bert";
    expect_error(keys.metadata(), "'tokenizer.ggml.model'", "is 'bert'");
    keys = Keys();
    keys.pattern = "tekken";
    expect_error(keys.metadata(), "'tokenizer.ggml.pre'", "is 'tekken'");
    keys.model = "llama";
    expect_error(keys.metadata(), "'tokenizer.ggml.scores'", "has no key");
}

TEST(GgufVocabulary, BytesOfNoCharacterMayHaveNoToken) {
    Keys keys;
    for (int byte : {0xc0, 0xf1, 0xff}) keys.tokens[static_cast<size_t>(byte)] = fmt::format("[PAD{}]", byte);
    EXPECT_EQ(load(keys.metadata()).decode(load(keys.metadata()).encode("x\xff")), "x\ufffd");
    keys.tokens[0xe0] = "[PAD224]";
    EXPECT_THAT(error_in(keys.metadata()), HasSubstr("no token for the byte 0xe0"));
}

TEST(GgufVocabulary, IdsOutsideOfTheVocabularyAreRejectedByName) {
    for (const char* key : {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                            "tokenizer.ggml.eom_token_id", "tokenizer.ggml.padding_token_id"}) {
        GgufMetadata metadata = Keys().metadata();
        metadata.add(key, uint32_t{258});
        expect_error(metadata, key, "is 258, which is not one of the 258 tokens");
    }
    GgufMetadata without = Keys().metadata();
    without.add("tokenizer.ggml.padding_token_id", uint32_t{0xffffffff});
    without.add("tokenizer.ggml.unknown_token_id", int32_t{-1});
    EXPECT_FALSE(load(without).roles().pad) << "-1 is none";
    GgufMetadata listed = Keys().metadata();
    listed.add_list("tokenizer.ggml.eos_token_ids", std::vector<int32_t>{97, -1});
    expect_error(listed, "'tokenizer.ggml.eos_token_ids'", "is -1, which is not one of the 258 tokens");
    GgufMetadata metadata = Keys().metadata();
    metadata.add("tokenizer.ggml.add_bos_token", true);
    expect_error(metadata, "'tokenizer.ggml.add_bos_token'", "there is no tokenizer.ggml.bos_token_id");
}

TEST(GgufVocabulary, Llama3sControlTokensGoWithItsPattern) {
    GgufMetadata metadata;
    add_gguf_vocabulary(metadata, small_tokenizer());
    EXPECT_THAT(tokenizer_json_text(load(metadata).vocabulary()), HasSubstr("1,3}"));
    Vocabulary vocabulary = small_tokenizer().vocabulary();
    vocabulary.split = SplitPattern::gpt2;
    EXPECT_THAT(error_of([&] { Tokenizer tokenizer(vocabulary, "x.gguf"); }),
                AllOf(StartsWith("x.gguf: has Llama 3's control tokens, but splits text by GPT-2's pattern"),
                      HasSubstr("tokenizer.ggml.pre")));
}

TEST(GgufVocabulary, EndOfTurnTokensThatAConverterTookForTextAreControlTokens) {
    Keys keys;
    keys.tokens.emplace_back("<|im_end|>");
    keys.tokens.emplace_back("<|im_ended|>");
    keys.types.insert(keys.types.end(), {1, 1});
    Tokenizer tokenizer = load(keys.metadata());
    EXPECT_TRUE(tokenizer.is_control(258));
    EXPECT_EQ(tokenizer.kind(259), TokenKind::text);
    EXPECT_THAT(tokenizer.stop_ids(), ElementsAre(258));
}

TEST(GgufVocabulary, NamesTheTokensThatEndGeneration) {
    GgufMetadata metadata = Keys().metadata();
    metadata.add("tokenizer.ggml.eos_token_id", uint32_t{257});
    metadata.add("tokenizer.ggml.eot_token_id", uint32_t{256});
    EXPECT_THAT(load(metadata).stop_ids(), ElementsAre(256, 257));
    metadata.add_list("tokenizer.ggml.eos_token_ids", std::vector<int32_t>{97, 257});
    EXPECT_THAT(load(metadata).stop_ids(), ElementsAre(97, 256, 257)) << "as ollama lists them";
    EXPECT_EQ(load(metadata).end_of_text(), 257);
    EXPECT_EQ(load(metadata).begin_of_text(), std::nullopt);
}

}  // namespace
}  // namespace puna
