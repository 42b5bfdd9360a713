// Tokenizers with control tokens and added tokens at any ids. The expected ids are those of Hugging Face's tokenizers
// library (0.22.2, through @anush008/tokenizers) for the same files, except where a comment says why.
#include "core/json_text.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/decode_stream.h"
#include "tokenizer/encoder.h"
#include "tokenizer/split_pattern.h"
#include "tokenizer/test_tokenizer.h"
#include "tokenizer/tokenizer_json.h"
#include "tokenizer/unicode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace puna {
namespace {

using testing::HasSubstr;
using testing::Not;

using Ids = std::vector<int32_t>;

// A tokenizer.json with the 256 bytes, then ab and bc.
struct File {
    std::string added, vocab_more, merges = R"("a b", "b c")", settings, normalizer = "null", pre_tokenizers;
    int first = 0;    // id of byte 0; the others follow
    int skipped = 0;  // ids between the bytes and ab

    std::string json() const {
        std::string vocab;
        for (int byte = 0; byte < 256; ++byte) {
            char c = static_cast<char>(byte);
            vocab += fmt::format("{}: {}, ", quote_json(bytes_to_unicode({&c, 1})), first + byte);
        }
        vocab += fmt::format(R"("ab": {}, "bc": {}{})", first + skipped + 256, first + skipped + 257, vocab_more);
        return fmt::format(
            R"({{"version": "1.0", "added_tokens": [{}], "normalizer": {},
                "pre_tokenizer": {{"type": "Sequence", "pretokenizers": [{}
                    {{"type": "Split", "pattern": {{"Regex": {}}}, "behavior": "Isolated", "invert": false}},
                    {{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}}]}},
                "post_processor": null, "decoder": {{"type": "ByteLevel"}},
                "model": {{"type": "BPE"{}, "vocab": {{{}}}, "merges": [{}]}}}})",
            added, normalizer, pre_tokenizers, quote_json(llama3_pattern), settings, vocab, merges);
    }
    Tokenizer load() const { return Tokenizer(parse_tokenizer_json(json(), "x.json"), "x.json"); }
};

std::string added(int id, std::string_view content, std::string_view flags = "") {
    return fmt::format(R"({{"id": {}, "content": {}{}{}}})", id, quote_json(content), flags.empty() ? "" : ", ", flags);
}
constexpr std::string_view special = R"("special": true)";

void expect_rejected(const File& file, std::string_view reason) {
    std::string message = error_of([&] { file.load(); });
    EXPECT_THAT(message, HasSubstr(reason));
}

// As Hugging Face's train_new_from_iterator writes it.
TEST(TokenIds, ControlTokensMayComeFirst) {
    File file{.added = added(0, "<|begin_of_text|>", special) + "," + added(1, "<|eot_id|>", special),
              .vocab_more = R"(, "<|begin_of_text|>": 0, "<|eot_id|>": 1)",
              .first = 2};
    Tokenizer tokenizer = file.load();
    EXPECT_EQ(tokenizer.encode("abc"), (Ids{258, 101}));
    EXPECT_EQ(tokenizer.encode_with_control("<|begin_of_text|>abc<|eot_id|>"), (Ids{0, 258, 101, 1}));
    EXPECT_EQ(tokenizer.begin_of_text(), 0);
    EXPECT_EQ(tokenizer.size(), 260);
    EXPECT_EQ(tokenizer.kind(1), TokenKind::control);
    EXPECT_EQ(tokenizer.kind(2), TokenKind::text);
    EXPECT_EQ(tokenizer.decode(Ids{0, 258, 1}), "<|begin_of_text|>ab<|eot_id|>");
    for (int32_t id : tokenizer.encode("<|eot_id|><|begin_of_text|>")) EXPECT_FALSE(tokenizer.is_control(id));
}

TEST(TokenIds, ControlTokensMayLieBetweenTextTokens) {
    File file{.added = added(256, "<|eot_id|>", special), .vocab_more = R"(, "<|eot_id|>": 256)", .skipped = 1};
    Tokenizer tokenizer = file.load();
    EXPECT_EQ(tokenizer.encode("abc"), (Ids{257, 99}));
    EXPECT_EQ(tokenizer.encode_with_control("ab<|eot_id|>"), (Ids{257, 256}));
}

TEST(TokenIds, MayHaveGaps) {
    Tokenizer tokenizer = File{.added = added(1000, "<|eot_id|>", special), .skipped = 44}.load();
    EXPECT_EQ(tokenizer.encode("abc"), (Ids{300, 99}));
    // Hugging Face's library gives the control token 258, the number of tokens; the file, and what a model was trained
    // with, say 1000.
    EXPECT_EQ(tokenizer.encode_with_control("<|eot_id|>"), Ids{1000});
    EXPECT_EQ(tokenizer.size(), 1001);
    EXPECT_EQ(tokenizer.kind(256), TokenKind::none);
    EXPECT_EQ(tokenizer.kind(-1), TokenKind::none);
    EXPECT_THAT(error_of([&] { tokenizer.decode(Ids{256}); }), HasSubstr("token 256 is not in the vocabulary"));
}

TEST(TokenIds, EveryLayoutSurvivesSavingAndLoading) {
    for (const File& file :
         {File{.added = added(0, "<|begin_of_text|>", special) + "," + added(1, "<|eot_id|>", special), .first = 2},
          File{.added = added(1000, "<|eot_id|>", special) + "," + added(1001, "\u6771 x", R"("lstrip": true)"),
          .skipped = 44},
          File{.added = added(256, "ab") + "," + added(258, "\u00fc", R"("single_word": true, "normalized": true)")}}) {
        Tokenizer tokenizer = file.load();
        Vocabulary again = parse_tokenizer_json(tokenizer_json_text(tokenizer.vocabulary()), "again.json");
        ASSERT_EQ(again.size(), tokenizer.size());
        EXPECT_EQ(again.added_tokens, tokenizer.vocabulary().added_tokens);
        for (int32_t id = 0; id < again.size(); ++id) {
            ASSERT_EQ(again.token_kind(id), tokenizer.kind(id)) << id;
            ASSERT_EQ(again.bytes(id), tokenizer.vocabulary().bytes(id)) << id;
        }
    }
}

// Hugging Face's library numbers added tokens itself, unless they are also in the vocabulary.
TEST(TokenIds, AddedTokensWithoutTheLastIdsAreAlsoSavedInTheVocabulary) {
    Tokenizer tokenizer = File{.added = added(0, "<|eot_id|>", special), .first = 1}.load();
    EXPECT_THAT(tokenizer_json_text(tokenizer.vocabulary()), HasSubstr("\"<|eot_id|>\": 0"));
    Tokenizer usual = File{.added = added(258, "<|eot_id|>", special)}.load();
    EXPECT_THAT(tokenizer_json_text(usual.vocabulary()), Not(HasSubstr("\"<|eot_id|>\": 258")));
}

TEST(TokenIds, DuplicateIdsAreRejected) {
    expect_rejected({.added = added(97, "<|eot_id|>", special)}, "or id 97");
    expect_rejected({.added = added(258, "x1") + "," + added(258, "x2")}, "duplicate token 'x2' or id 258");
    expect_rejected({.added = added(258, "x1") + "," + added(259, "x1")}, "duplicate token 'x1' or id 259");
    expect_rejected({.added = added(300, "ab")}, "'ab' has id 256 in model.vocab and 300 in added_tokens");
    expect_rejected({.added = added(252, "\u00fc", special)}, "or id 252");  // the spelling of the byte 0xfc
    expect_rejected({.added = added(16777216, "x")}, "ids are 0 to 16777215");
    EXPECT_EQ(error_of([] { File{.added = added(258, "x1") + "," + added(258, "x1")}.load(); }), "no error");
}

TEST(TokenIds, AddedTokenMayBeSpelledAsInTheVocabulary) {
    Tokenizer tokenizer = File{.added = added(32, "\u0120")}.load();
    EXPECT_EQ(tokenizer.encode("\u0120 a"), (Ids{32, 32, 97}));
    EXPECT_EQ(tokenizer.decode(Ids{32, 97}), " a");
}

TEST(TokenIds, MergesDoNotProduceControlTokens) {
    expect_rejected({.added = added(256, "ab", special)}, "'a' and 'b' are merged, but the result is not a text token");
    expect_rejected({.added = added(97, "a", special), .merges = ""}, "no token for the byte 0x61");
    File whole{
        .added = added(258, "bcd", special), .vocab_more = R"(, "bcd": 258)", .settings = R"(, "ignore_merges": true)"};
    EXPECT_EQ(whole.load().encode("bcd"), (Ids{257, 100})) << "also where whole pieces are tokens";
}

TEST(TokenizerSettings, HarmlessSettingsAreAccepted) {
    File plain;
    for (const char* settings :
         {"\"dropout\": 0.0", "\"dropout\": 0", "\"dropout\": null", "\"byte_fallback\": true",
          "\"byte_fallback\": false", "\"byte_fallback\": null", "\"unk_token\": null", "\"unk_token\": \"<unk>\"",
          "\"fuse_unk\": true", "\"fuse_unk\": null", "\"ignore_merges\": null", "\"continuing_subword_prefix\": null",
          "\"continuing_subword_prefix\": \"\"", "\"end_of_word_suffix\": \"\"", "\"unheard_of\": {\"vocab\": [3]}"}) {
        File file{.settings = fmt::format(", {}", settings)};
        EXPECT_EQ(file.load().encode("xabc"), (Ids{120, 256, 99})) << settings;
    }
    for (const char* normalizer : {"null", R"({"type": "Sequence", "normalizers": []})",
                                   R"({"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": []}]})"})
        EXPECT_EQ(File{.normalizer = normalizer}.load().encode("xabc"), (Ids{120, 256, 99})) << normalizer;
    File nested{.pre_tokenizers = R"({"type": "Sequence", "pretokenizers": []},)"};
    EXPECT_EQ(nested.load().encode("xabc"), (Ids{120, 256, 99}));
    File no_flags{.added = added(258, "<n>", R"("lstrip": null, "special": null, "more": {"id": 3})")};
    EXPECT_EQ(no_flags.load().encode(" <n>"), (Ids{32, 258}));
}

TEST(TokenizerSettings, SettingsThatChangeIdsAreRejectedByName) {
    for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"})
        expect_rejected({.settings = fmt::format(", \"{}\": {}", key, key[0] == 'd' ? "0.1" : "\"##\"")},
                        fmt::format("'model.{}' is set, which would change ids", key));
    expect_rejected({.normalizer = R"({"type": "Sequence", "normalizers": [{"type": "NFKC"}]})"},
                    "normalizer has the step 'NFKC'");
    expect_rejected({.normalizer = R"({"normalizers": []})"}, "normalizer: 'type'");
    expect_rejected({.pre_tokenizers = R"({"type": "ByteLevel", "use_regex": false},)"},
                    "(ByteLevel without use_regex, Split '");
    std::string split = fmt::format(R"({{"type": "Split", "pattern": {{"Regex": {}}}, "behavior": "Isolated"}},)",
                                    quote_json(llama3_pattern));
    expect_rejected({.pre_tokenizers = split}, "a pattern that is not supported (Split '");
}

TEST(Merges, MayBeginWithTheVersionOfAMergesFile) {
    std::string json = File{}.json();
    json.replace(json.find("\"merges\""), 8, "\"merged\"");
    EXPECT_EQ(error_of([&] { parse_tokenizer_json(json, "x.json"); }),
              "x.json: model.merges is missing: download or copy it again");
    File file{.merges = R"("#version: 0.2", "a b", "b c")"};
    EXPECT_EQ(file.load().encode("abc"), (Ids{256, 99}));
}

TEST(Merges, LastOfDuplicatesCounts) {
    EXPECT_EQ(File{.merges = R"("a b", "b c")"}.load().encode("abc"), (Ids{256, 99}));
    File twice{.merges = R"("a b", ["b", "c"], "a b")"};
    EXPECT_EQ(twice.load().encode("abc"), (Ids{97, 257}));
    Vocabulary again = parse_tokenizer_json(tokenizer_json_text(twice.load().vocabulary()), "again.json");
    EXPECT_EQ(Tokenizer(std::move(again)).encode("abc"), (Ids{97, 257}));
    EXPECT_EQ(File{.merges = R"("a b", "a b", "b c", "b c")"}.load().encode("abc"), (Ids{256, 99}));
}

const Tokenizer& flagged() {
    static const Tokenizer tokenizer =
        File{.added = added(258, "<s>", R"("single_word": true)") + "," + added(259, "<l>", R"("lstrip": true)") + "," +
                      added(260, "<r>", R"("rstrip": true)") + "," + added(261, "<n>", R"("normalized": true)") + "," +
                      added(262, "<lr>", R"("lstrip": true, "rstrip": true, "normalized": true)") + "," +
                      added(263, "<n><s>") + "," + added(264, "one", R"("normalized": true)") + "," +
                      added(265, "ne t") + "," + added(266, " x") + "," +
                      added(267, "<q>", R"("single_word": true, "normalized": true)")}
            .load();
    return tokenizer;
}

TEST(AddedTokens, TextTokensAreMatchedBeforeSplitting) {
    struct {
        std::string_view text;
        Ids ids;
    } cases[] = {
        {"a<s>b <s> c<s>", {97, 60, 115, 62, 98, 32, 258, 32, 99, 60, 115, 62}},
        {"x  <l>  y", {120, 259, 32, 32, 121}},
        {"x  <r> \t\n y<r> <r>", {120, 32, 32, 260, 121, 260, 260}},
        {"z<n> <lr> z", {122, 261, 262, 122}},
        {"  <l>  <l>", {259, 259}},
        {"<n><s>", {263}},
        {"one two one",
         {111, 265, 119, 111, 32, 264}},  // tokens that are not normalized match first, even further right
        {"<r> x", {260, 266}},            // both take the space
        {"\u00e9<s>", {195, 169, 60, 115, 62}},
        {"\u0301<s>", {204, 129, 60, 115, 62}},
        {"_<s>", {95, 60, 115, 62}},
        {"\u00b2<s>", {194, 178, 258}},
        {"\u24d0<s>", {226, 147, 144, 60, 115, 62}},
        {"\u200d<s>", {226, 128, 141, 60, 115, 62}},
        {"-<s>-", {45, 258, 45}},
        {"<s>x", {60, 115, 62, 120}},
        {"<lr>  <lr>", {262, 262}},
        {"x<n>one<q>y", {120, 261, 264, 60, 113, 62, 121}},
        {"", {}},
    };
    for (const auto& [text, ids] : cases) {
        EXPECT_EQ(flagged().encode(text), ids) << text;
        EXPECT_EQ(flagged().encode_with_control(text), ids) << text;
    }
}

// Single characters, and as many spaces as the text has; the normalizer puts one before it as Llama 2's does.
Tokenizer with_space_normalizer() {
    Vocabulary vocabulary;
    vocabulary.kind = VocabularyKind::sentencepiece;
    vocabulary.whole_pieces = false;
    std::vector<int32_t> bytes(256);
    std::iota(bytes.begin(), bytes.end(), 10);
    vocabulary.sentencepiece.bytes = TokenTable(bytes, 256);
    for (int byte = 0; byte < 256; ++byte)
        check(vocabulary.sentencepiece.bytes.set(10 + byte, std::string(1, static_cast<char>(byte))), "byte");
    vocabulary.tokens = TokenTable(std::vector<int32_t>{266}, 1);
    check(vocabulary.tokens.set(266, " "), "space");
    vocabulary.sentencepiece.scores.resize(267);
    vocabulary.added = TokenTable(5, 100);
    int32_t next = 0;
    for (const char* name : {"<s>", "kiwi", "<n>", "<nl>", "<nw>"}) check(vocabulary.added.set(next++, name), "added");
    vocabulary.added_tokens = {{.control = true, .normalized = true},
                               {.normalized = true},
                               {.normalized = true},
                               {.lstrip = true, .normalized = true},
                               {.single_word = true, .normalized = true}};
    return Tokenizer(std::move(vocabulary));
}

TEST(AddedTokens, NormalizedOnesTakeTheSpaceThatANormalizerPutsBeforeThem) {
    Tokenizer tokenizer = with_space_normalizer();
    struct {
        std::string_view text, pieces;
    } cases[] = {
        {"kiwi", "kiwi"},
        {"x kiwi y", " |x|kiwi| |y"},
        {"xkiwi y", " |x|k|i|w|i| |y"},
        {"kiwi kiwi", "kiwi|kiwi"},
        {"  kiwi", " | |kiwi"},
        {" <n>", " |<n>"},
        {"<n><n>", "<n>|<|n|>"},
        {"a  <nl> a", " |a| |<nl>| |a"},
        {"a\n <nl>", " |a|<nl>"},
        {"a <nw> a", " |a| |<|n|w|>| |a"},
        {"<s>kiwi<s> kiwi", "<s>|kiwi|<s>| |kiwi"},
        {"a<s>a", " |a|<s>| |a"},  // the library finds no <s> here
    };
    for (const auto& [text, pieces] : cases) {
        std::string found;
        for (int32_t id : tokenizer.encode_with_control(text))
            found += fmt::format("{}{}", found.empty() ? "" : "|", tokenizer.bytes(id));
        EXPECT_EQ(found, pieces) << text;
    }
}

TEST(AddedTokens, WithoutStrippingTextRoundTrips) {
    // The library encodes these as 252, which is the byte 0xfc, and decodes that byte; llama.cpp uses the file's id.
    Tokenizer tokenizer =
        File{.added = added(258, "\u00fc") + "," + added(259, "ab c") + "," + added(260, "\n<\u6771>")}.load();
    std::string text = "f\u00fcr ab cab\n<\u6771>\n";
    Ids ids = tokenizer.encode(text);
    EXPECT_EQ(ids, (Ids{102, 258, 114, 32, 259, 256, 260, 10}));
    EXPECT_EQ(tokenizer.decode(ids), text);
    EXPECT_EQ(tokenizer.kind(258), TokenKind::added);
    EXPECT_FALSE(tokenizer.is_control(258));
    EXPECT_FALSE(tokenizer.find_control("\u00fc"));
    DecodeStream stream(tokenizer);
    std::string streamed;
    for (int32_t id : ids) streamed += stream.next(id);
    EXPECT_EQ(streamed + stream.flush(), text);
}

TEST(AddedTokens, TextTokensInTheVocabularyTakePartInMerges) {
    File file{.added = added(256, "ab"), .vocab_more = R"(, "abc": 258)", .merges = R"("a b", "ab c")"};
    EXPECT_EQ(file.load().encode("ab c"), (Ids{256, 32, 99}));
    EXPECT_EQ(file.load().encode("abc"), (Ids{256, 99})) << "found before anything is merged";
    EXPECT_EQ(file.load().kind(256), TokenKind::added);
}

TEST(AddedTokens, ControlTokensInPlainTextAreNotSearchedForOtherTokens) {
    File file{.added = added(258, "<|eot_id|>", special) + "," + added(259, "eot") + "," + added(260, "|>x")};
    EXPECT_EQ(file.load().encode_with_control("a<|eot_id|>xeot"), (Ids{97, 258, 120, 259}));
    EXPECT_EQ(file.load().encode("a<|eot_id|>xeot"),  // as the library with split_special_tokens
              (Ids{97, 60, 124, 101, 111, 116, 95, 105, 100, 124, 62, 120, 259}));
}

TEST(AddedTokens, AreFoundInLongTextsEncodedInParts) {
    std::string text;
    for (int i = 0; i < 200'000; ++i) text += i % 1000 == 0 ? "<n>\n" : "abc abc\nabc";
    Ids ids;
    size_t bytes = 0, parts = 0;
    Encoder(flagged()).encode_parts(text, [&](std::span<const int32_t> some, size_t n) {
        ids.insert(ids.end(), some.begin(), some.end());
        bytes += n;
        ++parts;
    });
    EXPECT_EQ(bytes, text.size());
    EXPECT_GT(parts, 200u);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), 261), 200);
    EXPECT_TRUE(ids == flagged().encode(text));
}

TEST(Unicode, WordCharactersMatchRegularExpressions) {
    for (uint32_t code : {uint32_t{'a'}, uint32_t{'Z'}, uint32_t{'0'}, uint32_t{'_'}, 0xe9u, 0x301u, 0x6771u, 0x2167u,
                          0x24d0u, 0x200du, 0x203fu, 0x1f130u})
        EXPECT_TRUE(is_word(code)) << code;
    for (uint32_t code : {uint32_t{'-'}, uint32_t{' '}, uint32_t{'<'}, 0xb2u, 0xbdu, 0x2014u, 0x1f600u, not_unicode})
        EXPECT_FALSE(is_word(code)) << code;
}

}  // namespace
}  // namespace puna
