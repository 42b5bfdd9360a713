#include "infer/step.h"

#include "core/error.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

Step sample_step() {
    StepSequence decoding{.request = -5'000'000'000, .past = 70, .tokens = {7}, .pages = {3, 9}, .rows = 1};
    StepSequence scoring{.request = INT64_MAX,
                         .past = int64_t{1} << 33,
                         .tokens = {-1, INT32_MIN, INT32_MAX},
                         .adapter = 4,
                         .wanted = Wanted::scores,
                         .rows = 2,
                         .targets = {8, 9}};
    StepSequence embedding{.tokens = {1, 2}, .pages = {0}, .wanted = Wanted::hidden, .rows = 2};
    return {{decoding, scoring, embedding}};
}

TEST(Step, DecodesToWhatWasEncoded) {
    EXPECT_EQ(decode_step(encode(sample_step())), sample_step());
    EXPECT_EQ(decode_step(encode(Step{})), Step{});
}

TEST(Step, IncompleteOrSurplusWordsAreABug) {
    std::vector<int32_t> words = encode(sample_step());
    for (size_t n = 0; n < words.size(); ++n)
        EXPECT_THROW(decode_step(std::span(words).first(n)), Bug) << n << " words";
    words.push_back(0);
    EXPECT_THROW(decode_step(words), Bug);
}

TEST(Step, DamagedWordsAreABugOrAnotherStep) {
    const std::vector<int32_t> words = encode(sample_step());
    for (size_t at = 0; at < words.size(); ++at)
        for (int bit = 0; bit < 32; ++bit) {
            std::vector<int32_t> damaged = words;
            damaged[at] ^= static_cast<int32_t>(uint32_t{1} << bit);
            try {
                EXPECT_NE(decode_step(damaged), sample_step());
            } catch (const Bug&) {
            }
        }
}

TEST(Step, AnUnknownKindOfRowsIsABug) {
    std::vector<int32_t> words = encode(Step{{StepSequence{}}});
    words[11] = 4;  // after the number of sequences, four more numbers and the adapter
    EXPECT_THROW(decode_step(words), Bug);
}

}  // namespace
}  // namespace puna
