#include "tokenizer/files.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"
#include "tokenizer/rank_file.h"
#include "tokenizer/test_tokenizer.h"
#include "tokenizer/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string replace(std::string text, std::string_view old, std::string_view now) {
    size_t at = text.find(old);
    check(at != text.npos, "'{}' is not in the text", old);
    return text.replace(at, old.size(), now);
}

const std::string& small_json() {
    static const std::string json = tokenizer_json_text(small_tokenizer().vocabulary());
    return json;
}

// Of one byte.
std::string base64_of_byte(char byte) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    auto value = static_cast<unsigned char>(byte);
    return {digits[value >> 2], digits[(value & 3) << 4], '=', '='};
}

void expect_same(const Tokenizer& a, const Tokenizer& b) {
    ASSERT_EQ(a.size(), b.size());
    for (int32_t id = 0; id < a.size(); ++id) ASSERT_EQ(a.bytes(id), b.bytes(id));
    EXPECT_EQ(a.begin_of_text(), b.begin_of_text());
    EXPECT_EQ(a.encode(small_text), b.encode(small_text));
}

void expect_json_rejected(const std::string& json, std::string_view reason) {
    std::string message = error_of([&] { parse_tokenizer_json(json, "x.json"); });
    EXPECT_THAT(message, AllOf(StartsWith("x.json: "), HasSubstr(reason), Not(HasSubstr("\n"))));
}

// small_json with other added tokens.
std::string json_with_added(std::string_view added) {
    std::string json = small_json();
    size_t begin = json.find("\"added_tokens\": "), end = json.find("\"normalizer\"");
    return json.substr(0, begin) + fmt::format("\"added_tokens\": {}, ", added) + json.substr(end);
}

TEST(TokenizerFiles, SavedTokenizersAreLoaded) {
    TestFolder folder;
    save_tokenizer(small_tokenizer(), folder.path());
    EXPECT_EQ(folder.names(), std::vector<std::string>{"tokenizer.json"});
    expect_same(load_tokenizer(folder.path()), small_tokenizer());
    expect_same(load_tokenizer(folder / "tokenizer.json"), small_tokenizer());
}

TEST(TokenizerFiles, FilesNamedJsonAreReadAsJson) {
    TestFolder folder;
    auto with = [&](std::string_view text) {
        write_file(folder / "tokenizer.json", text);
        return error_of([&] { load_tokenizer(folder.path()); });
    };
    EXPECT_THAT(with("[]"), HasSubstr("not a JSON object"));
    EXPECT_THAT(with("IQ== 0\n"), HasSubstr("tokenizer.json: not valid JSON"));
    EXPECT_EQ(with("\xef\xbb\xbf" + small_json()), "no error") << "a byte order mark";
}

TEST(TokenizerFiles, MissingAndBrokenFilesAreNamed) {
    TestFolder folder;
    EXPECT_THAT(error_of([&] { load_tokenizer(folder.path()); }),
                HasSubstr("neither tokenizer.json nor tokenizer.model: name a model folder or the file itself"));
    write_file(folder / "config.json", "{}");
    EXPECT_THAT(error_of([&] { load_tokenizer(folder.path()); }),
                HasSubstr("neither tokenizer.json nor tokenizer.model: copy the model's into it"));
    EXPECT_THAT(error_of([&] { load_tokenizer(folder / "no.json"); }), HasSubstr("no.json: no such file or folder"));
    write_file(folder / "tokenizer.json", "");
    EXPECT_THAT(error_of([&] { load_tokenizer(folder.path()); }), HasSubstr("download or copy it again"));
    std::filesystem::remove(folder / "tokenizer.json");
    write_file(folder / "tokenizer.model", "\x0a\x0e\x0a\x05<unk>\x15");
    EXPECT_THAT(error_of([&] { load_tokenizer(folder.path()); }),
                HasSubstr("tokenizer.model: a message ends too early"));
    write_file(folder / "tokenizer.model", "<unk>\n");
    EXPECT_THAT(error_of([&] { load_tokenizer(folder.path()); }), HasSubstr("not a rank file"));
    write_file(folder / "tokenizer.model", "IQ== 0\n");
    EXPECT_THAT(error_of([&] { load_tokenizer(folder.path()); }), HasSubstr("no token for the byte 0x00"));
}

TEST(TokenizerJson, UnsupportedTokenizersAreRejectedByName) {
    expect_json_rejected(replace(small_json(), "\"BPE\"", "\"Unigram\""), "model type 'Unigram'");
    expect_json_rejected(
        replace(small_json(), "'ll|'d)", "'ll)"),
        "pre_tokenizer splits text by a pattern that is not supported (Split '(?i:'s|'t|'re|'ve|'m|'ll)|");
    expect_json_rejected(replace(small_json(), "\"Split\"", "\"Punctuation\""),
                         "pre_tokenizer has the step 'Punctuation'");
    expect_json_rejected(replace(small_json(), "\"Split\"", "\"Metaspace\""), "pre_tokenizer has the step 'Metaspace'");
    expect_json_rejected(replace(small_json(), "\"Isolated\"", "\"Removed\""), "\"behavior\":\"Removed\"");
    expect_json_rejected(replace(small_json(), "\"use_regex\": false", "\"use_regex\": true"),
                         "ByteLevel with use_regex");
    expect_json_rejected(replace(small_json(), "\"normalizer\": null", R"("normalizer": {"type": "NFC"})"),
                         "normalizer has the step 'NFC'");
    for (const char* normalizer : {"3", "true", "\"NFC\"", "{}", "[]"})
        expect_json_rejected(
            replace(small_json(), "\"normalizer\": null", fmt::format("\"normalizer\": {}", normalizer)), "normalizer");
    expect_json_rejected(replace(small_json(), "\"dropout\": null", "\"dropout\": 0.1"), "'model.dropout' is set");
    expect_json_rejected(replace(small_json(), "\"invert\": false", "\"invert\": true"), "\"invert\":true");
    expect_json_rejected(replace(small_json(), "{\"Regex\":", "{\"String\":"), "{\"String\":");  // a literal one
    expect_json_rejected(replace(small_json(), R"("decoder": {"type": "ByteLevel")", R"("decoder": {"type": "CTC")"),
                         "decoder has the step 'CTC'");
    expect_json_rejected("{}", "no vocabulary");
    expect_json_rejected(R"({"model": {"vocab": {}}})", "pre_tokenizer has no split pattern");
}

TEST(TokenizerJson, DamagedContentIsRejected) {
    expect_json_rejected("", "not valid JSON");
    expect_json_rejected(small_json().substr(0, small_json().size() / 2), "not valid JSON");
    expect_json_rejected("[]", "not a JSON object");
    expect_json_rejected(
        "{\"unused\": " + std::string(1000, '[') + std::string(1000, ']') + "," + small_json().substr(1),
        "nested too deep at byte 140: more than 128 levels");
    expect_json_rejected(replace(small_json(), "\"\\\"\": 34", "\"\\\"\": 35"), "duplicate");
    expect_json_rejected(replace(small_json(), "\"\\\"\": 34", "\"\\\"\": 16777216"), "ids are 0 to 16777215");
    expect_json_rejected(replace(small_json(), "\"\\\"\": 34", "\"\\\"\": -1"), "ids are 0 to 16777215");
    expect_json_rejected(replace(small_json(), "\"\\\"\": 34", "\"\\\"\": \"34\""), "has id \"34\", ids are");
    expect_json_rejected(replace(small_json(), "\"\\\"\": 34", "\"東\": 34"), "not in byte-level encoding");
    expect_json_rejected(replace(small_json(), "\"\\\"\": 34", "\"" + std::string(2000, 'a') + "\": 34"), "2000 bytes");
    expect_json_rejected(replace(small_json(), "\"id\":344", "\"id\":3"), "or id 3");
    expect_json_rejected(replace(small_json(), "\n\"h e\"", "\n\"hQ e\""), "is not a text token");
    expect_json_rejected(replace(small_json(), "\n\"h e\"", "\n\"h Q\""), "the result is not a token");
    expect_json_rejected(replace(small_json(), "\n\"h e\"", "\n\"he\""), "model.merges: each must be");
    expect_json_rejected(replace(small_json(), "\n\"h e\"", "\n[\"h\", \"e\", \"x\"]"), "model.merges: each must be");
    expect_json_rejected(replace(small_json(), "\n\"h e\"", "\n3"), "model.merges: each must be");
}

TEST(TokenizerJson, FieldsOfOtherTypesAreRejectedByName) {
    expect_json_rejected(R"({"model": {"vocab": ["a"]}})", "'model.vocab' must be an object, not [");
    expect_json_rejected(R"({"model": {"vocab": {}, "merges": {}}})", "'model.merges' must be a list, not {");
    expect_json_rejected(R"({"model": {"vocab": {}, "ignore_merges": 1}})",
                         "'model.ignore_merges' must be true or false, not 1");
    expect_json_rejected(R"({"model": {"vocab": {}, "unk_token": 1}})", "'model.unk_token' must be a string, not 1");
    expect_json_rejected(R"({"model": 3})", "'model' must be an object, not 3");
    expect_json_rejected(R"({"added_tokens": {}, "model": {}})", "'added_tokens' must be a list, not {");
}

TEST(TokenizerJson, AFieldThatIsThereTwiceIsRejected) {
    expect_json_rejected(R"({"model": {"vocab": {}}, "model": {"vocab": {}}})", "'model' is there twice");
    expect_json_rejected(R"({"model": {"vocab": {}, "merges": [], "merges": []}})", "'model.merges' is there twice");
    expect_json_rejected(replace(small_json(), "\"invert\": false", "\"invert\": false, \"invert\": true"), "invert");
    expect_json_rejected(json_with_added(R"([{"id": 344, "id": 345, "content": "<x>"}])"),
                         "added_tokens[0] has 'id' twice");
    expect_json_rejected(json_with_added(R"([{"id": 344, "content": "<x>", "special": true, "special": false}])"),
                         "added_tokens[0] has 'special' twice");
    expect_json_rejected(replace(small_json(), "\"version\": \"1.0\"", "\"version\": \"1.0\", \"version\": \"2.0\""),
                         "'version' is there twice");
}

TEST(TokenizerJson, InvalidAddedTokensAreRejected) {
    for (const char* added : {"3", "true", "\"<|eot_id|>\"", "{}", "[3]", "[[]]", "[\"<|eot_id|>\"]", "[{}]", "[null]"})
        expect_json_rejected(json_with_added(added), "added_tokens");
    expect_json_rejected(json_with_added(fmt::format(R"([{{"id": 344, "content": "{}"}}])", std::string(1025, 'x'))),
                         "has 1025 bytes, at most 1024 are supported");
    EXPECT_EQ(parse_tokenizer_json(json_with_added(R"([{"id": 344, "content": "<x>", "more": {"id": 3}}])"), "x")
                  .added.size(),
              1u);
    for (const char* none : {"null", "[]"})
        EXPECT_EQ(parse_tokenizer_json(json_with_added(none), "x").added.size(), 0u);
}

TEST(TokenizerJson, MergesMayBePairs) {
    Vocabulary vocabulary = parse_tokenizer_json(replace(small_json(), "\n\"h e\"", "\n[\"h\", \"e\"]"), "x.json");
    EXPECT_FALSE(vocabulary.merges) << "these are still all splits";
    EXPECT_EQ(Tokenizer(std::move(vocabulary)).encode(small_text), small_tokenizer().encode(small_text));
}

// 256 bytes and ab, bc, abc: "abc" is a token that only one of its two splits is merged to.
std::string three_token_json(std::string_view merges, std::string_view ignore_merges) {
    std::string json = small_json();
    size_t begin = json.find("\"vocab\": {"), end = json.find("\"merges\": [");
    std::string vocab = json.substr(begin, json.find(": 255", begin) + 5 - begin);
    json = json.substr(0, begin) + vocab + R"(, "ab": 256, "bc": 257, "abc": 258}, )" + json.substr(end);
    json = json.substr(0, json.find("\"merges\": [")) + fmt::format("\"merges\": [{}]}}}}", merges);
    size_t added = json.find("\"added_tokens\": [");
    json = json.substr(0, added) + "\"added_tokens\": []," + json.substr(json.find("\"normalizer\""));
    return replace(json, "\"ignore_merges\": true", fmt::format("\"ignore_merges\": {}", ignore_merges));
}

TEST(TokenizerJson, MergesOfTheFileAreUsed) {
    auto encode = [](std::string_view merges, std::string_view ignore_merges, std::string_view text) {
        return Tokenizer(parse_tokenizer_json(three_token_json(merges, ignore_merges), "x.json")).encode(text);
    };
    using Ids = std::vector<int32_t>;
    EXPECT_EQ(encode(R"("a b", "b c", "ab c", "a bc")", "false", "xabc"), (Ids{'x', 258}));  // as in a rank file
    EXPECT_EQ(encode(R"("b c", "a b")", "false", "xabc"), (Ids{'x', 'a', 257}));             // another order
    EXPECT_EQ(encode(R"("a b", "b c")", "false", "xabc"), (Ids{'x', 256, 'c'}));             // no merge produces abc
    EXPECT_EQ(encode(R"("a b", "b c")", "false", "abc"), (Ids{256, 'c'}));
    EXPECT_EQ(encode(R"("a b", "b c")", "true", "abc"), (Ids{258}));  // the whole piece is a token
    EXPECT_EQ(encode("", "false", "ab"), (Ids{'a', 'b'}));
}

TEST(TokenizerJson, MergesThatTheTokensImplyAreNotStored) {
    auto stored = [](std::string_view merges) -> size_t {
        Vocabulary vocabulary = parse_tokenizer_json(three_token_json(merges, "true"), "x.json");
        return vocabulary.merges ? vocabulary.merges->pairs().size() : 0;
    };
    EXPECT_EQ(stored(R"("a b", "b c", "a bc", "ab c")"), 0u);
    EXPECT_EQ(stored(R"("#version: 0.2", "a b", "b c", "ab c", "a bc")"), 0u);  // merged in the same order
    EXPECT_EQ(stored(R"("a b", "b c", "a bc")"), 3u);                           // one is missing
    EXPECT_EQ(stored(R"("a b", "a bc", "b c", "ab c")"), 4u);
    EXPECT_EQ(stored(R"("a b", "b c", "b c", "a bc", "ab c")"), 4u);
}

TEST(TokenizerJson, MergesOfTheFileAreSaved) {
    std::string json = three_token_json(R"("b c", "a b")", "false");
    Vocabulary again = parse_tokenizer_json(tokenizer_json_text(parse_tokenizer_json(json, "x.json")), "again.json");
    EXPECT_FALSE(again.whole_pieces);
    EXPECT_EQ(Tokenizer(std::move(again)).encode("xabc"), (std::vector<int32_t>{'x', 'a', 257}));
}

TEST(TokenizerJson, Llama3RoundTripsFromItsRankFile) {
    if (!has_llama3()) GTEST_SKIP() << shared_tokenizer.string() << " is missing";
    TestFolder folder;
    save_tokenizer(llama3(), folder.path());
    std::string json = read_text(folder / "tokenizer.json");
    size_t merges = 0;
    for (size_t at = json.find("\"merges\": ["); at != json.npos; at = json.find("\n\"", at + 1)) ++merges;
    EXPECT_EQ(merges - 1, 280'147u);
    Tokenizer again = load_tokenizer(folder.path());
    EXPECT_FALSE(again.vocabulary().merges);
    expect_same(again, llama3());
    std::string text = read_text("../shared/data/text/tinyshakespeare.txt");
    EXPECT_TRUE(again.encode(text) == llama3().encode(text));
}

TEST(RankFile, ControlTokensAreNamedByVersion) {
    std::vector<std::string> first = control_names(ControlNames::llama3, 256),
                             later = control_names(ControlNames::llama3_1, 256);
    EXPECT_EQ(first[4], "<|reserved_special_token_2|>");
    EXPECT_EQ(later[4], "<|finetune_right_pad_id|>");
    EXPECT_EQ(first[9], "<|eot_id|>");
    EXPECT_EQ(later[8], "<|eom_id|>");
    EXPECT_EQ(first[255], "<|reserved_special_token_250|>");
    EXPECT_EQ(later[255], "<|reserved_special_token_247|>");
}

TEST(RankFile, ParamsJsonDeterminesControlNames) {
    if (!has_llama3()) GTEST_SKIP() << shared_tokenizer.string() << " is missing";
    TestFolder folder;
    std::filesystem::copy(shared_tokenizer, folder / "tokenizer.model");
    auto has_eom = [&] { return load_tokenizer(folder.path()).find_control("<|eom_id|>").has_value(); };
    EXPECT_TRUE(has_eom());
    write_file(folder / "params.json", R"({"dim": 4096, "use_scaled_rope": true})");
    EXPECT_TRUE(has_eom());
    write_file(folder / "params.json", R"({"dim": 4096})");
    EXPECT_FALSE(has_eom());
    write_file(folder / "params.json", R"({"vocab_size": 128000})");
    EXPECT_FALSE(has_eom()) << "more tokens than rows are no problem until they are used";
    write_file(folder / "params.json", R"({"vocab_size": 128257})");
    EXPECT_EQ(error_of(has_eom), (folder / "tokenizer.model").string() +
                                     ": has 128256 tokens with the control tokens, but params.json says 128257 "
                                     "('vocab_size'): download or copy it again");
}

TEST(RankFile, ControlTokensWithoutRowsAreLeftOut) {
    Vocabulary vocabulary = parse_rank_file("YQ== 0\nYg== 1", "x.model", ControlNames::llama3, 12);
    EXPECT_EQ(vocabulary.size(), 12);
    EXPECT_EQ(vocabulary.added[11], "<|eot_id|>");
    EXPECT_EQ(parse_rank_file("YQ== 0\nYg== 1", "x.model", ControlNames::llama3, 500).size(), 258);
    EXPECT_EQ(parse_rank_file("YQ== 0\nYg== 1", "x.model", ControlNames::llama3).size(), 258);
}

TEST(RankFile, LinesMayComeInAnyOrder) {
    Vocabulary vocabulary = parse_rank_file("Yg== 1\r\n\nYQ== 0\nYWI= 2", "x.model", ControlNames::llama3);
    EXPECT_EQ(vocabulary.tokens[0], "a");
    EXPECT_EQ(vocabulary.tokens[1], "b");
    EXPECT_EQ(vocabulary.tokens[2], "ab");
}

TEST(RankFile, RanksMayHaveGapsBesideTheControlTokens) {
    std::string lines;
    for (int byte = 0; byte < 256; ++byte) {
        std::string digits = base64_of_byte(static_cast<char>(byte));
        lines += fmt::format("{} {}\n", digits, byte == 'z' ? 1000 : byte);
    }
    Tokenizer tokenizer(parse_rank_file(lines, "x.model", ControlNames::llama3), "x.model");
    EXPECT_EQ(tokenizer.size(), 1001);
    EXPECT_THAT(tokenizer.encode("xyz"), ElementsAre('x', 'y', 1000));
    EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{1000, 'a'}), "za");
    EXPECT_EQ(tokenizer.roles().bos, 256) << "control tokens follow the number of lines, not the highest rank";
    EXPECT_EQ(tokenizer.kind('z'), TokenKind::none);
    EXPECT_EQ(tokenizer.kind(600), TokenKind::none);
    EXPECT_THAT(error_of([&] { tokenizer.decode(std::vector<int32_t>{'z'}); }), HasSubstr("not in the vocabulary"));
}

TEST(RankFile, DamagedLinesAreRejectedByNumber) {
    auto expect_rejected = [](std::string_view text, std::string_view reason) {
        std::string message = error_of([&] { parse_rank_file(text, "x.model", ControlNames::llama3); });
        EXPECT_THAT(message, AllOf(StartsWith("x.model: line "), HasSubstr(reason)));
    };
    expect_rejected("YQ== 0\nYg==\n", "line 2: 'Yg=='");
    expect_rejected("YQ== 0\nYg== x\n", "'x' is not a rank");
    expect_rejected("YQ== 0\nYg== -1\n", "'-1' is not a rank");
    expect_rejected("YQ== 0\nYg== 99999999999\n", "is not a rank");
    expect_rejected("YQ== 0\nYg== 2\n", "ids 2 to 257 are control tokens: a line is missing");
    expect_rejected("YQ== 0\nYg== 257\n", "a line is missing");
    expect_rejected("YQ== 0\nYg== 16777216\n", "at most 16777215 is supported");
    expect_rejected("YQ== 0\nYg== 0\n", "duplicate");
    expect_rejected("YQ== 0\nYQ== 1\n", "duplicate");
    expect_rejected("YQ= 0\n", "not a base64 token");
    expect_rejected("Y=== 0\n", "not a base64 token");
    expect_rejected("Y*== 0\n", "not a base64 token");
    expect_rejected(" 0\n", "not a base64 token");
    expect_rejected(std::string(2000, 'A') + " 0\n", "1500 bytes");
}

TEST(RankFile, IsWrittenAsItWasRead) {
    TestFolder folder;
    save_tokenizer_model(small_tokenizer(), folder.path());
    expect_same(load_tokenizer(folder.path()),
                Tokenizer(parse_rank_file(read_text(folder / "tokenizer.model"), "x", ControlNames::llama3_1)));
    EXPECT_EQ(load_tokenizer(folder.path()).encode(small_text), small_tokenizer().encode(small_text));
    if (!has_llama3()) GTEST_SKIP() << shared_tokenizer.string() << " is missing";
    EXPECT_TRUE(rank_file_text(llama3().vocabulary()) == read_text(shared_tokenizer));
}

TEST(RankFile, VocabulariesThatItCannotExpressAreRefused) {
    auto problem = [](auto change) {
        Vocabulary vocabulary = small_tokenizer().vocabulary();
        change(vocabulary);
        return error_of([&] { rank_file_text(vocabulary); });
    };
    EXPECT_THAT(problem([](Vocabulary& v) { v.whole_pieces = false; }), HasSubstr("ignore_merges"));
    EXPECT_THAT(problem([](Vocabulary& v) { v.split = SplitPattern::gpt2; }), HasSubstr("GPT-2's pattern"));
    EXPECT_THAT(problem([](Vocabulary& v) { v.merges.emplace(1, 1); }), HasSubstr("merges"));
    EXPECT_THAT(problem([](Vocabulary& v) { v.kind = VocabularyKind::sentencepiece; }), HasSubstr("SentencePiece"));
    EXPECT_THAT(problem([](Vocabulary& v) {
                    v.added = TokenTable();
                    v.append_controls({"<s>"});
                }),
                HasSubstr("its control tokens are not Llama 3's"));
}

}  // namespace
}  // namespace puna
