#include "infer/sampler.h"

#include "core/fields.h"
#include "core/test_error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <gtest/gtest.h>

namespace puna {
namespace {

const std::vector<float> few = {1.0f, 3.0f, 2.0f, 3.0f, -1.0f};  // 1 and 3 are equally likely

// How often each token is sampled at 4,000 positions.
std::map<int32_t, int> counts(SampleOptions options, const std::vector<float>& logits) {
    options.seed = 7;
    Sampler sampler(options);
    std::map<int32_t, int> sampled;
    for (size_t position = 0; position < 4000; ++position) {
        std::vector<float> row = logits;
        ++sampled[sampler.choose(row, std::vector<int32_t>(position, 0))];
    }
    return sampled;
}

std::vector<int32_t> ids_sampled(SampleOptions options, const std::vector<float>& logits) {
    std::vector<int32_t> ids;
    for (auto [id, count] : counts(options, logits)) ids.push_back(id);
    return ids;
}

int32_t choose(const SampleOptions& options, std::vector<float> logits, const std::vector<int32_t>& tokens = {}) {
    return Sampler(options).choose(logits, tokens);
}

TEST(Sampler, TemperatureZeroIsArgmaxWithTiesToTheLowerId) {
    EXPECT_EQ(choose({.temperature = 0}, few), 1);
    EXPECT_EQ(choose({.temperature = 0}, {-5, -4, -4}), 1);
}

TEST(Sampler, FrequenciesMatchTheProbabilities) {
    std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f)};
    std::map<int32_t, int> sampled = counts({.temperature = 1, .top_p = 1}, logits);
    EXPECT_NEAR(sampled[0], 2000, 130);
    EXPECT_NEAR(sampled[1], 1200, 120);
    EXPECT_NEAR(sampled[2], 800, 110);
}

TEST(Sampler, TemperatureSharpensAndFlattens) {
    std::vector<float> logits = {std::log(0.6f),
                                 std::log(0.4f)};  // squared: 0.36 to 0.16; the square root: 0.55 to 0.45
    EXPECT_NEAR(counts({.temperature = 0.5f, .top_p = 1}, logits)[0], 4000 * 0.36 / 0.52, 130);
    EXPECT_NEAR(counts({.temperature = 2, .top_p = 1}, logits)[0], 4000 * 0.5505, 130);
}

TEST(Sampler, TopKKeepsTheMostLikelyWithTiesToTheLowerId) {
    EXPECT_EQ(ids_sampled({.temperature = 1, .top_p = 1, .top_k = 1}, few), (std::vector<int32_t>{1}));
    EXPECT_EQ(ids_sampled({.temperature = 1, .top_p = 1, .top_k = 3}, few), (std::vector<int32_t>{1, 2, 3}));
    EXPECT_EQ(ids_sampled({.temperature = 1, .top_p = 1, .top_k = 99}, few).size(), 5u);
}

TEST(Sampler, TopPKeepsTheSmallestSetWithThatProbability) {
    std::vector<float> logits = {std::log(0.2f), std::log(0.5f), std::log(0.3f)};
    EXPECT_EQ(ids_sampled({.temperature = 1, .top_p = 0.45f}, logits), (std::vector<int32_t>{1}));
    EXPECT_EQ(ids_sampled({.temperature = 1, .top_p = 0.55f}, logits), (std::vector<int32_t>{1, 2}));
    EXPECT_EQ(ids_sampled({.temperature = 1, .top_p = 0.85f}, logits), (std::vector<int32_t>{0, 1, 2}));
    EXPECT_EQ(ids_sampled({.temperature = 1, .top_p = 1e-6f}, logits), (std::vector<int32_t>{1}));
}

TEST(Sampler, TopPIsRelativeToTheProbabilityLeftByTopK) {
    std::vector<float> logits = {std::log(0.4f), std::log(0.3f), std::log(0.2f), std::log(0.1f)};
    EXPECT_EQ(ids_sampled({.temperature = 1, .top_p = 0.56f, .top_k = 2}, logits),
              (std::vector<int32_t>{0}));  // 0.4 of 0.7
    EXPECT_EQ(ids_sampled({.temperature = 1, .top_p = 0.56f}, logits), (std::vector<int32_t>{0, 1}));
}

TEST(Sampler, MinPIsRelativeToTheMostLikelyToken) {
    std::vector<float> logits = {std::log(0.55f), std::log(0.3f), std::log(0.15f)};
    EXPECT_EQ(ids_sampled({.temperature = 1, .top_p = 1, .min_p = 0.5f}, logits), (std::vector<int32_t>{0, 1}));
    EXPECT_EQ(ids_sampled({.temperature = 1, .top_p = 1, .min_p = 1}, logits), (std::vector<int32_t>{0}));
}

// Reference: sort the whole vocabulary and cut.
TEST(Sampler, PartialSortKeepsTheSameTokensAsAFullSort) {
    std::vector<float> logits;
    for (int i = 0; i < 5000; ++i) logits.push_back(std::sin(static_cast<float>(i) * 0.7f) * 2);
    std::vector<double> p;
    double total = 0, mass = 0;
    for (float value : logits) total += std::exp(static_cast<double>(value));
    for (float value : logits) p.push_back(std::exp(static_cast<double>(value)) / total);
    std::sort(p.begin(), p.end(), std::greater<>());
    size_t n = 0;
    while (mass < 0.1) mass += p[n++];
    ASSERT_GT(n, 32u);
    double min_probability = p[n - 1] * 0.999;
    for (int32_t id : ids_sampled({.temperature = 1, .top_p = 0.1f}, logits))
        EXPECT_GE(std::exp(static_cast<double>(logits[static_cast<size_t>(id)])) / total, min_probability) << id;
}

TEST(Sampler, RepetitionPenaltyAppliesOncePerRecentToken) {
    EXPECT_EQ(choose({.temperature = 0, .repetition_penalty = 2}, {3, 2, 1}, {0}), 1);
    EXPECT_EQ(choose({.temperature = 0, .repetition_penalty = 1.4f}, {3, 2, 1}, {0, 0, 0}), 0);  // 3 / 1.4, not / 1.4^3
    EXPECT_EQ(choose({.temperature = 0, .repetition_penalty = 2}, {-1, -1.5f}, {0}), 1);  // below 0 it multiplies
    std::vector<int32_t> long_ago(65, 2);
    long_ago[0] = 0;
    EXPECT_EQ(choose({.temperature = 0, .repetition_penalty = 2}, {3, 2, 1}, long_ago), 0);
}

// OpenAI: logit - count * frequency_penalty - (count > 0) * presence_penalty, of the tokens after the prompt.
TEST(Sampler, FrequencyAndPresencePenaltyCountTheTokensOfTheAnswer) {
    auto choose_after = [](SampleOptions options, const std::vector<int32_t>& tokens) {
        options.temperature = 0;
        std::vector<float> logits = {3, 2.5f, 1};
        return Sampler(options, 2).choose(logits, tokens);
    };
    EXPECT_EQ(choose_after({.frequency_penalty = 0.3f}, {0, 0, 0}), 0);     // 3 - 0.3
    EXPECT_EQ(choose_after({.frequency_penalty = 0.3f}, {0, 0, 0, 0}), 1);  // 3 - 2 * 0.3
    EXPECT_EQ(choose_after({.presence_penalty = 0.4f}, {0, 0, 0, 0}), 0);   // 3 - 0.4, once
    EXPECT_EQ(choose_after({.presence_penalty = 0.6f}, {0, 0, 0, 0}), 1);
    EXPECT_EQ(choose_after({.presence_penalty = 2}, {0, 0}), 0) << "the prompt does not count";
    EXPECT_EQ(choose_after({.frequency_penalty = -1}, {1, 1, 1}), 1) << "below 0 they become more likely";
    Sampler sampler({.temperature = 0, .frequency_penalty = 0.3f});
    auto choose_next = [&](const std::vector<int32_t>& tokens) {
        std::vector<float> logits = {3, 2.5f, 1};
        return sampler.choose(logits, tokens);
    };
    EXPECT_EQ(choose_next({0, 0}), 1);
    EXPECT_EQ(choose_next({0}), 0) << "again, with fewer tokens";
    EXPECT_EQ(choose_next({0, 9}), 0) << "a token without a logit";
}

// The logits of four tokens, 0 before, after a choice.
std::vector<float> logits_after(SampleOptions options, const std::vector<int32_t>& tokens, int64_t prompt_tokens = 0) {
    options.temperature = 0;
    std::vector<float> logits(4);
    Sampler(options, prompt_tokens).choose(logits, tokens);
    return logits;
}

constexpr SampleOptions dry{.dry_multiplier = 0.5f, .dry_base = 3, .dry_allowed_length = 2};

TEST(Sampler, DryPenalizesTheTokenThatFollowedARepeatedSequence) {
    using Logits = std::vector<float>;
    EXPECT_EQ(logits_after(dry, {1, 2, 3, 1, 2}), (Logits{0, 0, 0, -0.5f}));           // n = 2: 0.5 * 3^0
    EXPECT_EQ(logits_after(dry, {0, 1, 2, 3, 0, 1, 2}), (Logits{0, 0, 0, -1.5f}));     // n = 3: 0.5 * 3^1
    EXPECT_EQ(logits_after(dry, {3, 0, 1, 2, 3, 0, 1, 2}), (Logits{0, 0, 0, -4.5f}));  // n = 4, at the start too
    EXPECT_EQ(logits_after(dry, {3, 2, 1, 2}), (Logits{0, 0, 0, 0})) << "shorter than allowed";
    EXPECT_EQ(logits_after(dry, {0, 0, 0}), (Logits{-0.5f, 0, 0, 0})) << "occurrences may overlap";
    EXPECT_EQ(logits_after({}, {1, 2, 3, 1, 2}), (Logits{0, 0, 0, 0})) << "off by default";
}

TEST(Sampler, DryCountsTheLongestSequenceOnceForEachToken) {
    std::vector<int32_t> tokens = {1, 2, 3, 0, 1, 2, 3, 1, 2, 0, 1, 2};  // 3 followed 1 2 and 0 1 2, 0 followed 1 2
    EXPECT_EQ(logits_after(dry, tokens), (std::vector<float>{-0.5f, 0, 0, -1.5f}));
}

TEST(Sampler, DryCountsTheAnswerOnly) {
    EXPECT_EQ(logits_after(dry, {1, 2, 3, 1, 2}, 3), std::vector<float>(4)) << "the first 1 2 is in the prompt";
    EXPECT_EQ(logits_after(dry, {0, 1, 2, 3, 0, 1, 2}, 1), (std::vector<float>{0, 0, 0, -0.5f})) << "part of it is";
    Sampler sampler(dry);
    std::vector<float> logits(4);
    sampler.choose(logits, std::vector<int32_t>{1, 2, 3, 1, 2});
    logits.assign(4, 0);
    sampler.choose(logits, std::vector<int32_t>{1, 2, 3});
    EXPECT_EQ(logits, std::vector<float>(4)) << "with fewer tokens than before";
}

TEST(Sampler, PenaltiesOfLongSequencesStayFinite) {
    SampleOptions steep{.dry_multiplier = 100, .dry_base = 100, .dry_allowed_length = 1};
    EXPECT_EQ(logits_after(steep, std::vector<int32_t>(1000, 2)), (std::vector<float>{0, 0, -1e6f, 0}));
    EXPECT_EQ(logits_after(steep, {9, 8, 9}), std::vector<float>(4)) << "a token without a logit";
    SampleOptions mild{.dry_multiplier = 1, .dry_base = 1.01f, .dry_allowed_length = 1};
    float at_limit = logits_after(mild, std::vector<int32_t>(65, 2))[2];
    EXPECT_NEAR(at_limit, -std::pow(1.01, 63), 1e-5);
    EXPECT_EQ(logits_after(mild, std::vector<int32_t>(1000, 2))[2], at_limit) << "more than 64 tokens count as 64";
}

// transformers: logit + |logit| * (factor^n - 1), n tokens after the start.
TEST(Sampler, LengthPenaltyRaisesTheTokensThatEndTheAnswer) {
    auto logits_at = [](SampleOptions options, size_t tokens, std::vector<float> logits = {1, -2, 0.5f, 4}) {
        options.temperature = 0;
        Sampler(options, 10, {1, 2, 7}).choose(logits, std::vector<int32_t>(tokens, 0));
        return logits;
    };
    SampleOptions options{.length_penalty_start = 3, .length_penalty_factor = 2};
    using Logits = std::vector<float>;
    EXPECT_EQ(logits_at(options, 13), (Logits{1, -2, 0.5f, 4})) << "3 tokens after a prompt of 10";
    EXPECT_EQ(logits_at(options, 14), (Logits{1, 0, 1, 4}));
    EXPECT_EQ(logits_at(options, 15), (Logits{1, 4, 2, 4}));
    EXPECT_EQ(logits_at(options, 9000, {1, -2, 0, 4}), (Logits{1, 1e6f - 2, 0, 4})) << "finite, and 0 stays 0";
    options.length_penalty_factor = 0.5f;
    EXPECT_EQ(logits_at(options, 14), (Logits{1, -3, 0.25f, 4})) << "below 1 they become less likely";
    EXPECT_EQ(logits_at({}, 9000), (Logits{1, -2, 0.5f, 4})) << "off by default";
}

TEST(Sampler, SeedAndPositionDetermineTheDraw) {
    std::vector<float> flat(1000);
    std::vector<int32_t> ten(10), eleven(11);
    SampleOptions options{.temperature = 1, .top_p = 1, .seed = 5};
    EXPECT_EQ(choose(options, flat, ten), choose(options, flat, ten));
    EXPECT_NE(choose(options, flat, ten), choose(options, flat, eleven));
    EXPECT_NE(choose(options, flat, ten), choose({.temperature = 1, .top_p = 1, .seed = 6}, flat, ten));
}

TEST(Sampler, AnUnsetSeedComesFromTheClockAndIsReported) {
    Sampler drawn(SampleOptions{});
    EXPECT_GT(drawn.seed(), 0);
    EXPECT_EQ(Sampler({.seed = 12}).seed(), 12);
    EXPECT_EQ(Sampler({.seed = 0}).seed(), 0);
}

TEST(Sampler, NonFiniteLogitsAreErrors) {
    for (float bad : {std::numeric_limits<float>::quiet_NaN(), HUGE_VALF, -HUGE_VALF}) {
        EXPECT_THROW(choose({.temperature = 0}, {1, bad, 2}), Error);
        EXPECT_THROW(choose({.temperature = 1}, {bad, 1, 2}), Error);
    }
}

TEST(Sampler, InvalidOptionsAreRejectedByName) {
    auto error_with = [](std::string_view name, std::string_view text) {
        SampleOptions options;
        std::vector<Field> list = list_fields(options);
        return error_of([&] { set_from_text(find_field(list, name, "test"), text); });
    };
    EXPECT_EQ(error_with("temperature", "-1"), "temperature must be at least 0, not -1");
    EXPECT_EQ(error_with("top_p", "0"), "top_p must be more than 0, not 0");
    EXPECT_EQ(error_with("top_k", "-1"), "top_k must be at least 0, not -1; 0 = off");
    EXPECT_EQ(error_with("min_p", "2"), "min_p must be at most 1, not 2");
    EXPECT_EQ(error_with("repetition_penalty", "0"), "repetition_penalty must be more than 0, not 0");
    EXPECT_EQ(error_with("frequency_penalty", "3"), "frequency_penalty must be at most 2, not 3");
    EXPECT_EQ(error_with("presence_penalty", "-3"), "presence_penalty must be at least -2, not -3");
    EXPECT_EQ(error_with("dry_multiplier", "-1"), "dry_multiplier must be at least 0, not -1");
    EXPECT_EQ(error_with("dry_base", "0.5"), "dry_base must be at least 1, not 0.5");
    EXPECT_EQ(error_with("dry_allowed_length", "0"), "dry_allowed_length must be at least 1, not 0");
    EXPECT_EQ(error_with("dry_allowed_length", "65"), "dry_allowed_length must be at most 64, not 65");
    EXPECT_EQ(error_with("length_penalty_start", "-1"), "length_penalty_start must be at least 0, not -1");
    EXPECT_EQ(error_with("length_penalty_factor", "0"), "length_penalty_factor must be more than 0, not 0");
    EXPECT_EQ(error_with("temperature", "nan"), "temperature must be a number, not 'nan'");
}

}  // namespace
}  // namespace puna
