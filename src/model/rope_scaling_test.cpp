#include "model/rope_scaling.h"

#include "core/test_error.h"
#include "model/config.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

Config config_with(std::string_view fields) {
    return parse_config(fmt::format(R"({{"hidden_size": 64, "num_attention_heads": 8, {}}})", fields), "config.json");
}

TEST(RopeScaling, DynamicAndLongropeChooseByTheContext) {
    Config plain = config_with(R"("max_position_embeddings": 100)"),
           dynamic = config_with(R"("max_position_embeddings": 100, "rope_scaling": {"type": "dynamic", "factor": 2})"),
           lists = config_with(R"("max_position_embeddings": 400, "rope_scaling": {"type": "longrope",
               "short_factor": [1, 1, 1, 2], "long_factor": [1, 2, 4, 8], "original_max_position_embeddings": 100})");
    auto last = [](const Config& config, int64_t context) { return rotary_frequencies(config, context).values.back(); };
    EXPECT_EQ(last(dynamic, 100), last(plain, 100));
    EXPECT_LT(last(dynamic, 101), last(plain, 101));
    EXPECT_LT(last(dynamic, 200), last(dynamic, 101));
    EXPECT_EQ(last(lists, 100), last(plain, 0) / 2);
    EXPECT_EQ(last(lists, 101), last(plain, 0) / 8);
    EXPECT_EQ(max_context(dynamic), 200) << "with dynamic, max_position_embeddings is what was trained";
    EXPECT_EQ(max_context(lists), 400);
    EXPECT_EQ(rotary_choice(plain, 50), rotary_choice(plain, 100));
    EXPECT_EQ(rotary_choice(dynamic, 50), rotary_choice(dynamic, 100));
    EXPECT_NE(rotary_choice(dynamic, 100), rotary_choice(dynamic, 101));
    EXPECT_EQ(rotary_choice(lists, 50), rotary_choice(lists, 100));
    EXPECT_NE(rotary_choice(lists, 100), rotary_choice(lists, 101));
    EXPECT_EQ(describe_rope(plain, 100), "none");
    EXPECT_EQ(describe_rope(dynamic, 200), "dynamic, factor 2, for 200 tokens: base 43267.5");
    EXPECT_EQ(describe_rope(lists, 400),
              "longrope, factor 4, from 100 tokens, for 400 tokens: long factors, attention "
              "factor 1.14063");
}

TEST(RopeScaling, ImpossibleValuesAreRejectedByName) {
    auto problem = [](std::string_view rope) {
        return error_of([&] { config_with(fmt::format(R"("rope_scaling": {{{}}})", rope)); });
    };
    EXPECT_EQ(problem(R"("type": "linear")"), "config.json: 'rope_scaling.factor' is missing");
    EXPECT_EQ(problem(R"("type": "linear", "factor": 0.5)"),
              "config.json: RoPE scaling 'factor' is 0.5; it must be 1 or more and below 1e6");
    EXPECT_EQ(problem(R"("type": "yarn", "factor": 2, "beta_fast": 1, "beta_slow": 2)"),
              "config.json: RoPE scaling 'beta_slow' is 2 and 'beta_fast' 1; they must satisfy 0 < slow <= fast < 1e6");
    EXPECT_EQ(problem(R"("type": "yarn", "factor": 2, "attention_factor": -1)"),
              "config.json: RoPE scaling 'attention_factor' is -1; it must be above 0 and below 1e6");
    EXPECT_EQ(problem(R"("type": "longrope", "short_factor": [1, 2], "long_factor": [1, 1, 1, 1])"),
              "config.json: 'rope_scaling.short_factor' has 2 numbers; heads of 8 need 4");
    EXPECT_EQ(problem(R"("type": "longrope", "short_factor": [1, 1, 1, 1], "long_factor": [1, 1, 0, 1])"),
              "config.json: 'rope_scaling.long_factor[2]' is 0; it must be 1e-6 or more and below 1e6");
    EXPECT_EQ(problem(R"("type": "yarn", "original_max_position_embeddings": 0)"),
              "config.json: 'original_max_position_embeddings' is 0; it must be 1 to 1073741824");
}

}  // namespace
}  // namespace puna
