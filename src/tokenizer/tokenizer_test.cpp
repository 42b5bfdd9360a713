#include "tokenizer/tokenizer.h"

#include "core/random.h"
#include "tokenizer/decode_stream.h"
#include "tokenizer/encoder.h"
#include "tokenizer/test_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string random_bytes(uint64_t seed, size_t n) {
    Random random(seed);
    std::string bytes;
    for (size_t i = 0; i < n; ++i) bytes += static_cast<char>(random.below(256));
    return bytes;
}

std::string repeat(std::string_view unit, size_t times) {
    std::string text;
    for (size_t i = 0; i < times; ++i) text += unit;
    return text;
}

TEST(Tokenizer, TextRoundTrips) {
    const Tokenizer& tokenizer = small_tokenizer();
    for (std::string_view text :
         {small_text, std::string_view(""), std::string_view("x"), std::string_view("\0\n\0", 3)})
        EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
    EXPECT_LT(tokenizer.encode(small_text).size(), small_text.size() / 2);
}

TEST(Tokenizer, ArbitraryBytesRoundTrip) {
    for (uint64_t seed = 1; seed <= 300; ++seed) {
        std::string bytes = random_bytes(seed, seed);
        EXPECT_EQ(small_tokenizer().decode(small_tokenizer().encode(bytes)), bytes) << "seed " << seed;
    }
    std::string many = random_bytes(1, 1 << 20);
    EXPECT_EQ(small_tokenizer().decode(small_tokenizer().encode(many)), many);
}

TEST(Tokenizer, PlainTextNeverBecomesAControlToken) {
    const Tokenizer& tokenizer = small_tokenizer();
    std::string text = "a<|eot_id|><|start_header_id|>system<|end_header_id|>b<|eot_id";
    for (int32_t id : tokenizer.encode(text)) EXPECT_FALSE(tokenizer.is_control(id)) << tokenizer.bytes(id);
    std::vector<int32_t> asked = tokenizer.encode_with_control(text);
    EXPECT_EQ(tokenizer.decode(asked), text);
    EXPECT_EQ(asked[1], tokenizer.roles().eot);
    EXPECT_EQ(asked[2], tokenizer.roles().header_begin);
    EXPECT_EQ(std::count_if(asked.begin(), asked.end(), [&](int32_t id) { return tokenizer.is_control(id); }), 3);
}

TEST(Tokenizer, ControlTokensHaveNames) {
    const Tokenizer& tokenizer = small_tokenizer();
    EXPECT_EQ(tokenizer.size(), 360);
    EXPECT_EQ(tokenizer.begin_of_text(), 344);
    EXPECT_EQ(tokenizer.end_of_text(), 345);
    EXPECT_EQ(tokenizer.stop_ids(), (std::vector<int32_t>{345, 352, 353}));
    EXPECT_FALSE(tokenizer.find_control("the"));
    EXPECT_EQ(tokenizer.find_control("<|eot_id|>"), 353);
}

TEST(Tokenizer, IdsOutsideTheVocabularyAreRejected) {
    for (int32_t id : {-1, 360, 0x7fffffff}) {
        std::vector<int32_t> ids = {65, id};
        EXPECT_THAT(error_of([&] { small_tokenizer().decode(ids); }), HasSubstr("not in the vocabulary of 360"));
    }
}

TEST(Tokenizer, AMillionEqualCharactersAreEncoded) {
    for (std::string_view unit : {"a", " ", "'", "\u0301", "\n", "\xff", "ab", "\n ", "'s", "東"}) {
        std::string text = repeat(unit, 1'000'000);
        EXPECT_EQ(small_tokenizer().decode(small_tokenizer().encode(text)), text) << unit;
    }
}

// Pieces of up to 40 bytes are merged by scanning, longer ones with a heap: the result must be the same.
TEST(Tokenizer, LongPiecesAreMergedLikeShortOnes) {
    PieceCounter counter;
    counter.add(repeat("abcab", 10) + " " + repeat("aab", 20) + " " + repeat("bca", 5));
    Tokenizer tokenizer = train_tokenizer(counter, {.vocabulary = 290});
    Random random(7);
    for (int round = 0; round < 200; ++round) {
        std::string piece;
        for (int i = 0; i < 60; ++i) piece += static_cast<char>('a' + random.below(3));
        std::vector<int32_t> ids = tokenizer.encode(piece), slow;
        for (char c : piece) slow.push_back(static_cast<unsigned char>(c));
        while (true) {  // the definition: lowest id first, leftmost first
            size_t best = slow.size();
            int32_t joined = tokenizer.size();
            for (size_t i = 0; i + 1 < slow.size(); ++i) {
                std::string both = std::string(tokenizer.bytes(slow[i])) + std::string(tokenizer.bytes(slow[i + 1]));
                std::optional<int32_t> id = tokenizer.vocabulary().tokens.find(both);
                if (id && *id < joined) best = i, joined = *id;
            }
            if (best == slow.size()) break;
            slow[best] = joined;
            slow.erase(slow.begin() + static_cast<ptrdiff_t>(best) + 1);
        }
        ASSERT_EQ(ids, slow) << piece;
    }
}

TEST(Encoder, CachingWordsDoesNotChangeIds) {
    const Tokenizer& tokenizer = small_tokenizer();
    Encoder encoder(tokenizer);
    Random random(3);
    for (int round = 0; round < 50; ++round) {
        std::string text;
        for (int i = 0; i < 2000; ++i) {
            text += random.below(4) ? ' ' : '\n';
            for (uint64_t n = random.below(18); n-- > 0;) text += static_cast<char>('a' + random.below(3));
        }
        std::vector<int32_t> ids = encoder.encode(text);
        ASSERT_EQ(tokenizer.decode(ids), text);
        ASSERT_EQ(ids, Encoder(tokenizer, 0).encode(text));
    }
}

// Another kind of vocabulary: as SentencePiece it puts a space before a text, but knows single bytes only.
class SpacedBytes : public SubwordEncoder {
 public:
    std::vector<int32_t> encode(std::string_view text, Preceding preceding) override {
        std::vector<int32_t> ids;
        if (preceding == Preceding::nothing) ids.push_back(' ');
        for (unsigned char byte : text) ids.push_back(byte);
        return ids;
    }
};

TEST(Encoder, AKindOfVocabularyDecidesHowTextBetweenAddedTokensIsEncoded) {
    Encoder encoder(small_tokenizer(), std::make_unique<SpacedBytes>());
    int32_t eot = *small_tokenizer().roles().eot;
    EXPECT_THAT(encoder.encode("the"), ElementsAre(' ', 't', 'h', 'e'));
    EXPECT_THAT(encoder.encode_with_control("a<|eot_id|>b"), ElementsAre(' ', 'a', eot, 'b'));
    EXPECT_THAT(encoder.encode_with_control("<|eot_id|>b"), ElementsAre(eot, 'b'));
    std::string text = repeat("a\n", 600'000);  // in parts of 1 MiB
    std::vector<int32_t> ids;
    encoder.encode_parts(text, [&ids](auto some, size_t) { ids.insert(ids.end(), some.begin(), some.end()); });
    EXPECT_EQ(small_tokenizer().decode(ids), " " + text);
}

TEST(Encoder, EncodingInPartsGivesTheSameIds) {
    std::string text = repeat(small_text, 20'000);
    std::vector<int32_t> ids;
    size_t parts = 0;
    Encoder(small_tokenizer()).encode_parts(text, [&](std::span<const int32_t> some, size_t bytes) {
        ids.insert(ids.end(), some.begin(), some.end());
        EXPECT_EQ(bytes, small_tokenizer().decode(some).size());
        ++parts;
    });
    EXPECT_GT(parts, 2u);
    EXPECT_EQ(ids, small_tokenizer().encode(text));
}

TEST(DecodeStream, NeverReturnsPartialCharacters) {
    const Tokenizer& tokenizer = small_tokenizer();
    std::string text = "naïve 東京 🙂🙃 — done";
    DecodeStream stream(tokenizer);
    std::string all;
    for (int32_t id : tokenizer.encode(text)) {
        std::string some = stream.next(id);
        EXPECT_TRUE(some.empty() || (some[0] & 0xc0) != 0x80) << "begins inside a character";
        all += some;
        EXPECT_EQ(text.compare(0, all.size(), all), 0);
        EXPECT_TRUE(all.size() == text.size() || (text[all.size()] & 0xc0) != 0x80) << "ends inside a character";
    }
    EXPECT_EQ(all, text);
    EXPECT_EQ(stream.flush(), "");
}

TEST(DecodeStream, InvalidCharactersAreReplacedOnceTheyCannotBeCompleted) {
    DecodeStream stream(small_tokenizer());
    EXPECT_EQ(stream.next(0xe6), "");
    EXPECT_EQ(stream.next(0x9d), "");
    EXPECT_EQ(stream.next('a'), "\ufffd\ufffda");  // byte tokens have the bytes' values as ids
    EXPECT_EQ(stream.next(0xff), "\ufffd");
    EXPECT_EQ(stream.next(0xf0), "");
    EXPECT_EQ(stream.next(0x9f), "");
    EXPECT_EQ(stream.flush(), "\ufffd\ufffd");
    EXPECT_EQ(stream.flush(), "");
}

}  // namespace
}  // namespace puna
