// SentencePiece models against Debian's libsentencepiece.
#include "tokenizer/sentencepiece_model.h"

#include "core/atomic_file.h"
#include "core/random.h"
#include "files/protobuf.h"
#include "tokenizer/decode_stream.h"
#include "tokenizer/encoder.h"
#include "tokenizer/test_sentencepiece.h"
#include "tokenizer/test_unicode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace puna {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<std::string> texts() {
    std::vector<std::string> list = {"",
                                     " ",
                                     "  ",
                                     "   x  y ",
                                     "The cat sat on the mat.",
                                     "\n",
                                     "\t \n x",
                                     "\u2581x \u2581",
                                     "in 1999 there were 12345 cats",
                                     "\u6771\u4eac \U0001f600 na\u00efve",
                                     "    return x + 1",
                                     "<s>the</s>",
                                     "<ud>cat<ud> the<ud2> cat",
                                     "a<0x41>b",
                                     std::string(small_text)};
    Random random(3);
    for (int i = 0; i < 200; ++i) {
        std::string text;
        for (uint64_t n = random.below(40); n-- > 0;)
            text += std::string_view("thecat sond  .\n1<ud>")[random.below(20)];
        list.push_back(text);
    }
    list.push_back(random_unicode(5, 20'000));
    return list;
}

Tokenizer parse(const std::string& model) { return Tokenizer(parse_sentencepiece_model(model, "x.model"), "x.model"); }

void expect_oracles_ids(const Tokenizer& tokenizer, const SentencePieceOracle& oracle) {
    for (const std::string& text : texts()) {
        std::vector<int32_t> ids = oracle.encode(text);
        ASSERT_EQ(tokenizer.encode(text), ids) << '"' << text.substr(0, 200) << '"';
        bool unknown = std::find(ids.begin(), ids.end(), oracle.unknown()) != ids.end();
        if (unknown) continue;  // ours is written as its name
        ASSERT_EQ(tokenizer.decode(ids), oracle.decode(ids)) << '"' << text.substr(0, 200) << '"';
    }
}

const std::string& llama_model() {
    static const std::string model = train_sentencepiece(llama_options);
    return model;
}

TEST(SentencePieceModel, GivesTheIdsOfTheLibrary) {
    for (const char* options : {
             llama_options,
             "--vocab_size=420 --byte_fallback=true",
             "--vocab_size=120",
             "--vocab_size=120 --remove_extra_whitespaces=false --add_dummy_prefix=false",
             "--vocab_size=420 --byte_fallback=true --add_dummy_prefix=false",
             "--vocab_size=430 --byte_fallback=true --remove_extra_whitespaces=false "
             "--user_defined_symbols=<ud>,<ud2>,\u6771",
             "--vocab_size=140 --split_by_whitespace=false --user_defined_symbols=at",
             "--vocab_size=420 --byte_fallback=true --split_by_whitespace=false --remove_extra_whitespaces=false",
         }) {
        SCOPED_TRACE(options);
        std::string model = train_sentencepiece(options);
        expect_oracles_ids(parse(model), SentencePieceOracle(model));
    }
}

TEST(SentencePieceModel, IsWrittenSoThatTheLibraryReadsIt) {
    for (const char* options :
         {llama_options, "--vocab_size=120",
          "--vocab_size=430 --byte_fallback=true --user_defined_symbols=<ud>,<ud2> --add_dummy_prefix=false"}) {
        SCOPED_TRACE(options);
        std::string model = train_sentencepiece(options),
                    written = sentencepiece_model_bytes(parse(model).vocabulary());
        expect_oracles_ids(parse(model), SentencePieceOracle(written));
        EXPECT_EQ(sentencepiece_model_bytes(parse(written).vocabulary()), written);
        EXPECT_TRUE(is_sentencepiece_model(model) && is_sentencepiece_model(written));
    }
}

TEST(SentencePieceModel, Llama2sVocabularyGivesTheIdsOfTheLibrary) {
    const std::filesystem::path shared = "../shared",
                                gguf = shared / "derivatives/gguf_vocab/ggml-vocab-llama-spm.gguf";
    if (!std::filesystem::exists(gguf)) GTEST_SKIP() << gguf << " is missing";
    std::string model = sentencepiece_model_bytes(load_tokenizer(gguf).vocabulary());
    Tokenizer tokenizer = parse(model);
    SentencePieceOracle oracle(model);
    expect_oracles_ids(tokenizer, oracle);
    std::string text = read_text(shared / "data/text/tinyshakespeare.txt");
    EXPECT_TRUE(tokenizer.encode(text) == oracle.encode(text));
}

TEST(SentencePieceModel, UnusedPiecesAreTakenApart) {
    Vocabulary vocabulary = parse(llama_model()).vocabulary();
    for (std::string_view piece : {" cat", " the", "at", " the door"})
        if (std::optional<int32_t> id = vocabulary.tokens.find(piece)) vocabulary.sentencepiece.unused.push_back(*id);
    std::sort(vocabulary.sentencepiece.unused.begin(), vocabulary.sentencepiece.unused.end());
    ASSERT_GE(vocabulary.sentencepiece.unused.size(), 3u);
    std::string model = sentencepiece_model_bytes(vocabulary);
    expect_oracles_ids(parse(model), SentencePieceOracle(model));
}

TEST(SentencePieceModel, NamesTheTokensAroundATextAndAllThatEndIt) {
    Tokenizer tokenizer = parse(llama_model());
    EXPECT_EQ(tokenizer.begin_of_text(), 1);
    EXPECT_EQ(tokenizer.end_of_text(), 2);
    EXPECT_THAT(tokenizer.stop_ids(), ElementsAre(2));
    EXPECT_EQ(tokenizer.kind(0), TokenKind::control);
    EXPECT_EQ(tokenizer.bytes(3 + '\n'), "\n");
    EXPECT_THAT(tokenizer.encode_with_control("<s>the"), ElementsAre(1, tokenizer.encode("the")[0]));
    for (int32_t id : tokenizer.encode("<s></s><unk>")) EXPECT_FALSE(tokenizer.is_control(id));
}

TEST(SentencePieceModel, InvalidUtf8BecomesItsBytes) {
    Tokenizer tokenizer = parse(llama_model());
    for (std::string text : {"a\xff", "\xe6\x9d", "\xc0\xaf x\xf5"})
        EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
}

TEST(SentencePieceModel, TheSpaceBeforeATextIsDroppedOnlyAtItsBeginning) {
    Tokenizer tokenizer = parse(llama_model());
    std::vector<int32_t> ids = tokenizer.encode("the cat");
    DecodeStream whole(tokenizer, Preceding::nothing), answer(tokenizer);
    std::string text, more;
    for (int32_t id : ids) text += whole.next(id), more += answer.next(id);
    EXPECT_EQ(text, "the cat");
    EXPECT_EQ(more, " the cat");
}

TEST(SentencePieceModel, LongTextsAreEncodedInParts) {
    std::string text;
    while (text.size() < 3'000'000) text += small_text;
    for (const char* options : {llama_options, "--vocab_size=420 --byte_fallback=true"}) {
        Tokenizer tokenizer = parse(train_sentencepiece(options));
        std::vector<int32_t> ids;
        size_t parts = 0;
        Encoder(tokenizer).encode_parts(text, [&](std::span<const int32_t> some, size_t) {
            ids.insert(ids.end(), some.begin(), some.end());
            ++parts;
        });
        EXPECT_TRUE(ids == tokenizer.encode(text)) << options;
        EXPECT_EQ(parts > 1, options == llama_options);
    }
}

TEST(SentencePieceModel, LongWordsAreMergedLikeShortOnes) {
    SentencePieceOracle oracle(llama_model());
    Tokenizer tokenizer = parse(llama_model());
    Random random(9);
    for (int round = 0; round < 300; ++round) {
        std::string word;
        for (int i = 0; i < 80; ++i) word += "theadso"[random.below(7)];
        ASSERT_EQ(tokenizer.encode(word), oracle.encode(word)) << word;
    }
}

// ---- what is refused

std::string piece(std::string_view text, uint64_t type = 1, float score = 0) {
    std::string bytes, model;
    add_protobuf_bytes(bytes, 1, text);
    add_protobuf_float(bytes, 2, score);
    add_protobuf_varint(bytes, 3, type);
    add_protobuf_bytes(model, 1, bytes);
    return model;
}

std::string trainer(std::initializer_list<std::pair<uint32_t, uint64_t>> settings) {
    std::string bytes, model;
    for (auto [number, value] : settings) add_protobuf_varint(bytes, number, value);
    add_protobuf_bytes(model, 2, bytes);
    return model;
}

const std::string bpe = trainer({{3, 2}});

std::string error_in(const std::string& model) {
    std::string message = error_of([&] { parse_sentencepiece_model(model, "x.model"); });
    EXPECT_THAT(message, AnyOf("no error", StartsWith("x.model: ")));
    return message;
}

TEST(SentencePieceModel, OtherModelsAndSettingsAreRefusedByName) {
    std::string pieces = piece("<unk>", 2) + piece("a");
    EXPECT_EQ(error_in(pieces + bpe), "no error");
    EXPECT_THAT(error_in(pieces), HasSubstr("a unigram model"));
    EXPECT_THAT(error_in(pieces + trainer({{3, 3}})), HasSubstr("a word model"));
    EXPECT_THAT(error_in(pieces + trainer({{3, 99}})), HasSubstr("an unknown model"));
    EXPECT_THAT(error_in(pieces + trainer({{3, 2}, {24, 1}})), HasSubstr("treat_whitespace_as_suffix"));
    std::string rules, normalizer, unknown;
    add_protobuf_bytes(rules, 1, "nmt_nfkc");
    add_protobuf_bytes(rules, 2, "\x01");
    add_protobuf_bytes(normalizer, 3, rules);
    EXPECT_THAT(error_in(pieces + bpe + normalizer),
                HasSubstr("normalizer_spec: has the normalization rules 'nmt_nfkc'"));
    add_protobuf_varint(unknown, 7, 1);
    EXPECT_THAT(error_in(pieces + bpe + unknown), HasSubstr("ModelProto: has the unknown field 7"));
    unknown.clear();
    add_protobuf_varint(unknown, 200, 1);
    EXPECT_EQ(error_in(pieces + bpe + unknown), "no error") << "an extension";
}

TEST(SentencePieceModel, DamagedPiecesAreRefusedByName) {
    auto error_with = [](const std::string& more) { return error_in(piece("<unk>", 2) + more + bpe); };
    EXPECT_THAT(error_in(piece("a") + bpe), HasSubstr("no piece for unknown characters"));
    EXPECT_THAT(error_with(piece("<x>", 2)), HasSubstr("two pieces for unknown characters, 0 and 1"));
    EXPECT_THAT(error_with(piece("a") + piece("a")), HasSubstr("piece 2: 'a' is there twice"));
    EXPECT_THAT(error_with(piece("")), HasSubstr("a piece is empty"));
    EXPECT_THAT(error_with(piece("\xff")), HasSubstr("not UTF-8"));
    EXPECT_THAT(error_with(piece("a b")), HasSubstr("contains a space"));
    EXPECT_THAT(error_with(piece("a", 9)), HasSubstr("the unknown type 9"));
    EXPECT_THAT(error_with(piece("a", 1, std::numeric_limits<float>::quiet_NaN())), HasSubstr("not a number"));
    EXPECT_THAT(error_with(piece(std::string(1025, 'a'))), HasSubstr("1025 bytes"));
    EXPECT_THAT(error_with(piece("<0x1>", 6)), HasSubstr("not the name of a byte"));
    EXPECT_THAT(error_with(piece("<0x41>", 6)), HasSubstr("byte_fallback is off"));
    EXPECT_THAT(error_in(piece("<unk>", 2) + piece("<0x41>", 6) + trainer({{3, 2}, {35, 1}})),
                HasSubstr("byte_fallback needs 256"));
    EXPECT_THAT(error_in(llama_model().substr(0, llama_model().size() / 2)), HasSubstr("ends too early"));
}

TEST(SentencePieceModel, ByteLevelVocabulariesHaveNone) {
    EXPECT_THAT(error_of([] { sentencepiece_model_bytes(small_tokenizer().vocabulary()); }), HasSubstr("byte-level"));
}

}  // namespace
}  // namespace puna
