#include "model/generation_defaults.h"

#include "core/test_error.h"
#include "model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::StartsWith;

TEST(GenerationDefaults, StopsOutsideOfTheVocabularyAreRejectedByName) {
    auto parse = [](int64_t vocabulary) {
        parse_generation_defaults(R"({"eos_token_id": [7, 300]})", "generation_config.json", vocabulary);
    };
    EXPECT_EQ(error_of([&] { parse(301); }), "no error");
    EXPECT_EQ(error_of([&] { parse(300); }),
              "generation_config.json: 'eos_token_id[1]' is 300; the vocabulary has token ids 0 to 299");
}

TEST(GenerationDefaults, ReadsKnownFieldsAndIgnoresOthers) {
    GenerationDefaults config = parse_generation_defaults(
        R"({"_from_model_config": true, "bos_token_id": 1, "do_sample": true, "eos_token_id": [2, 3], "temperature": 0.7,
            "top_p": 0.8, "top_k": 40, "min_p": 0.1, "repetition_penalty": 1.1, "frequency_penalty": 0.25, "presence_penalty": -0.5,
            "dry_multiplier": 0.75, "dry_base": 1.5, "dry_allowed_length": 3, "exponential_decay_length_penalty": [250, 1.25], "seed": 4, "more": {"top_k": 5, "list": [1, 2]}})",
        "here");
    EXPECT_EQ(config.sample.temperature, 0.7f);
    EXPECT_EQ(config.sample.top_p, 0.8f);
    EXPECT_EQ(config.sample.top_k, 40);
    EXPECT_EQ(config.sample.min_p, 0.1f);
    EXPECT_EQ(config.sample.repetition_penalty, 1.1f);
    EXPECT_EQ(config.sample.frequency_penalty, 0.25f);
    EXPECT_EQ(config.sample.presence_penalty, -0.5f);
    EXPECT_EQ(config.sample.dry_multiplier, 0.75f);
    EXPECT_EQ(config.sample.dry_base, 1.5f);
    EXPECT_EQ(config.sample.dry_allowed_length, 3);
    EXPECT_EQ(config.sample.length_penalty_start, 250);
    EXPECT_EQ(config.sample.length_penalty_factor, 1.25f);
    EXPECT_EQ(config.sample.seed, std::nullopt);
    EXPECT_EQ(config.stops, (std::vector<int32_t>{2, 3}));
    EXPECT_EQ(parse_generation_defaults(R"({"eos_token_id": 7, "do_sample": false})", "here").stops,
              (std::vector<int32_t>{7}));
}

// The defaults of transformers' GenerationConfig.
TEST(GenerationDefaults, MissingFieldsHaveTransformersDefaults) {
    for (const char* greedy : {"{}", R"({"do_sample": false, "temperature": 0.6})", R"({"temperature": 0.6})",
                               R"({"do_sample": null, "top_p": 0.5})", R"({"eos_token_id": 2})"})
        EXPECT_EQ(parse_generation_defaults(greedy, "here").sample.temperature, 0) << greedy;
    SampleOptions sample = parse_generation_defaults(R"({"do_sample": true, "top_p": null})", "here").sample;
    EXPECT_EQ(sample.temperature, 1);
    EXPECT_EQ(sample.top_k, 50);
    EXPECT_EQ(sample.top_p, 1);
    EXPECT_EQ(sample.min_p, 0);
    EXPECT_EQ(sample.repetition_penalty, 1);
    EXPECT_EQ(sample.dry_multiplier, 0);
    EXPECT_EQ(
        parse_generation_defaults(R"({"exponential_decay_length_penalty": null})", "here").sample.length_penalty_factor,
        1);
    EXPECT_EQ(parse_generation_defaults(R"({"do_sample": true, "top_k": 0})", "here").sample.top_k, 0);
}

TEST(GenerationDefaults, InvalidValuesAreErrorsThatNameTheFile) {
    auto parse_error = [](std::string_view json) {
        return error_of([&] { parse_generation_defaults(json, "here/generation_config.json"); });
    };
    for (const char* text :
         {"[]", "7", "{", R"({"repetition_penalty": 0})", R"({"dry_base": 0})",
          R"({"exponential_decay_length_penalty": 1.01})", R"({"exponential_decay_length_penalty": [250]})",
          R"({"exponential_decay_length_penalty": [-1, 1.01]})", R"({"exponential_decay_length_penalty": [250, "x"]})",
          R"({"eos_token_id": -3})", R"({"eos_token_id": 4294967296})", R"({"eos_token_id": "2"})",
          R"({"eos_token_id": [[2]]})", R"({"eos_token_id": {}})", R"({"do_sample": 1})"})
        EXPECT_THAT(parse_error(text), StartsWith("here/generation_config.json:"))
            << text << " gives: " << parse_error(text);
    for (std::string member : {R"("temperature": -1)", R"("temperature": "0.6")", R"("top_p": [1])", R"("top_k": 1.5)",
                               R"("top_k": 99999999999)", R"("top_p": 1e300)", R"("temperature": 1e999)"}) {
        std::string message = parse_error(R"({"do_sample": true, )" + member + "}");
        EXPECT_THAT(message, StartsWith("here/generation_config.json: '" + member.substr(1, 5)));
    }
}

TEST(GenerationDefaults, UnusedFieldsNeedNotBeValid) {
    GenerationDefaults config = parse_generation_defaults(
        R"({"do_sample": false, "top_p": 0.0, "top_k": 50.5, "temperature": 1e999, "bos_token_id": -1, "x": "\ud800"})",
        "g.json");
    EXPECT_EQ(config.sample.temperature, 0);
    EXPECT_EQ(config.sample.top_p, 1);
    EXPECT_EQ(config.sample.top_k, 50);
}

TEST(GenerationDefaults, AFieldWithTwoValuesIsRejected) {
    auto parse = [](std::string_view json) { return parse_generation_defaults(json, "g.json"); };
    EXPECT_EQ(error_of([&] { parse(R"({"eos_token_id": [2, 2], "eos_token_id": 3})"); }),
              "g.json: duplicate field 'eos_token_id': keep one");
    EXPECT_EQ(parse(R"({"eos_token_id": 3, "eos_token_id": 3})").stops, std::vector<int32_t>{3});
}

TEST(GenerationDefaults, OverlargeIntegersAreReportedAsOutOfRange) {
    auto parse_error = [](std::string_view json) {
        return error_of([&] { parse_generation_defaults(json, "g.json"); });
    };
    EXPECT_EQ(parse_error(R"({"do_sample": true, "top_k": 123456789012345678901})"),
              "g.json: 'top_k' is out of range: 123456789012345678901");
    EXPECT_EQ(parse_error(R"({"eos_token_id": [123456789012345678901]})"),
              "g.json: 'eos_token_id' is 123456789012345678901, which is not a token id");
    EXPECT_EQ(parse_error(R"({"do_sample": true, "top_k": 1.5})"), "g.json: 'top_k' must be an integer, not 1.5");
}

TEST(GenerationDefaults, AModelKeepsThoseOfItsBase) {
    Config config{.bos = 7, .eos = {8, 9}};
    std::string own = generation_config_json(config, ""),
                kept = generation_config_json(config, R"({"temperature": 0.2, "eos_token_id": 1, "x": [1]})");
    EXPECT_THAT(own,
                testing::AllOf(testing::HasSubstr("\"temperature\": 0.6"), testing::HasSubstr("\"bos_token_id\": 7"),
                               testing::Not(testing::HasSubstr("pad"))));
    config.pad = 5;
    EXPECT_THAT(generation_config_json(config, ""), testing::HasSubstr("\"pad_token_id\": 5"));
    EXPECT_EQ(kept,
              "{\n  \"temperature\": 0.2,\n  \"eos_token_id\": [\n    8,\n    9\n  ],\n  \"x\": [\n    1\n  ],\n  "
              "\"bos_token_id\": 7\n}\n");
}

}  // namespace
}  // namespace puna
