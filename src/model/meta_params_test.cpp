#include "model/meta_params.h"

#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;

// As published with Meta-Llama-3-8B.
constexpr std::string_view llama3_8b = R"({"dim": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 8,
    "vocab_size": 128256, "multiple_of": 1024, "ffn_dim_multiplier": 1.3, "norm_eps": 1e-05, "rope_theta": 500000.0})";

TEST(MetaParams, GiveTheShapesOfPublishedModels) {
    Config config = parse_meta_params(llama3_8b, "params.json", 0);
    EXPECT_EQ(config.ffn, 14336);
    EXPECT_EQ(config.head_dim, 128);
    EXPECT_EQ(config.kv_heads, 8);
    EXPECT_EQ(config.context, 8192);
    EXPECT_FALSE(config.rope_scaling);
    Config big = parse_meta_params(R"({"dim": 16384, "n_layers": 126, "n_heads": 128, "n_kv_heads": 8, "multiple_of":
        4096, "ffn_dim_multiplier": 1.2, "vocab_size": 128256, "rope_theta": 500000, "use_scaled_rope": true})",
                                   "params.json", 0);
    EXPECT_EQ(big.ffn, 53248);
    EXPECT_EQ(big.context, 131072);
    EXPECT_EQ(big.rope_scaling->factor, 8);
    Config small = parse_meta_params(R"({"dim": 2048, "n_layers": 16, "n_heads": 32, "n_kv_heads": 8, "multiple_of":
        256, "ffn_dim_multiplier": 1.5, "vocab_size": 128256, "rope_theta": 500000, "use_scaled_rope": true})",
                                     "params.json", 0);
    EXPECT_EQ(small.ffn, 8192);
    EXPECT_EQ(small.rope_scaling->factor, 32) << "Llama 3.2 1B";
}

TEST(MetaParams, MissingFieldsHaveTheDefaultsOfMetasCode) {
    Config config = parse_meta_params(R"({"dim": 512, "n_heads": 8, "vocab_size": -1})", "params.json", 77);
    EXPECT_EQ(config.layers, 32);
    EXPECT_EQ(config.kv_heads, 8) << "as many as heads";
    EXPECT_EQ(config.ffn, 1536) << "8 * 512 / 3, up to a multiple of 256";
    EXPECT_EQ(config.vocabulary, 77);
    EXPECT_EQ(config.norm_epsilon, 1e-5);
    EXPECT_EQ(parse_meta_params(R"({"model": {"dim": 64, "n_heads": 4}})", "params.json", 5).dim, 64);
}

TEST(MetaParams, TheGenerationGivesRotaryBaseAndContext) {
    auto read = [](std::string_view fields, int64_t vocabulary) {
        return parse_meta_params(fmt::format("{{\"norm_eps\": 1e-5{}}}", fields), "params.json", vocabulary);
    };
    Config llama3 = read("", 128256), llama2 = read("", 32000), code_llama = read(R"(, "rope_theta": 1e6)", 32016),
           llama1 = parse_meta_params(R"({"norm_eps": 1e-6})", "params.json", 32000);
    EXPECT_EQ(llama3.rope_theta, 500000);
    EXPECT_EQ(llama3.context, 8192);
    EXPECT_EQ(llama2.rope_theta, 10000);
    EXPECT_EQ(llama2.context, 4096);
    EXPECT_EQ(llama1.context, 2048);
    EXPECT_EQ(code_llama.context, 16384);
    for (const Config& config : {llama1, llama2, llama3, code_llama}) {
        Config again = parse_meta_params(meta_params_json(config, "x"), "params.json", config.vocabulary);
        EXPECT_EQ(again.context, config.context);
        EXPECT_EQ(again.rope_theta, config.rope_theta);
    }
}

// What is not in the file is not what is wrong with it.
TEST(MetaParams, MessagesSayWhichValuesAreDefaults) {
    auto error = [](std::string_view json) { return error_of([&] { parse_meta_params(json, "params.json", 512); }); };
    EXPECT_EQ(error(R"({"dim": 100})"), "params.json: 'n_heads' is 32 by default; it must divide 'dim', which is 100");
    EXPECT_EQ(error(R"({"n_heads": 33})"),
              "params.json: 'n_heads' is 33; it must divide 'dim', which is 4096 by default");
    EXPECT_EQ(error(R"({"n_kv_heads": 5})"),
              "params.json: 'n_kv_heads' is 5; it must divide 'n_heads', which is 32 by default");
    EXPECT_EQ(error(R"({"dim": 16777216})"),
              "params.json: 'n_heads' is 32 by default and 'dim' 16777216: they give heads of 524288, which must be "
              "even and at most 4096");
    EXPECT_EQ(error(R"({"dim": 16777216, "n_heads": 4096})"),
              "params.json: 'dim' is 16777216, 'ffn_dim_multiplier' 1 by default and 'multiple_of' 256 by default: "
              "they give a feed-forward size of 44739328, which must be 1 to 16777216");
    EXPECT_EQ(error(R"({"model": {"dim": 100}})"),
              "params.json: model: 'n_heads' is 32 by default; it must divide 'dim', which is 100");
}

// 8 / 3 of 64 is 170: 98000 of it are 16,660,000, above one multiple and below the limit.
TEST(MetaParams, FeedForwardSizeIsCheckedAfterRoundingUp) {
    auto error = [](std::string_view json) { return error_of([&] { parse_meta_params(json, "params.json", 512); }); };
    EXPECT_EQ(error(R"({"dim": 64, "multiple_of": 16000000, "ffn_dim_multiplier": 98000})"),
              "params.json: 'dim' is 64, 'ffn_dim_multiplier' 98000 and 'multiple_of' 16000000: they give a "
              "feed-forward size of 32000000, which must be 1 to 16777216");
    EXPECT_EQ(error(R"({"dim": 64, "multiple_of": 16000000, "ffn_dim_multiplier": 90000})"), "no error");
    EXPECT_EQ(error(R"({"ffn_dim_multiplier": 1e-9})"),
              "params.json: 'dim' is 4096 by default, 'ffn_dim_multiplier' 1e-09 and 'multiple_of' 256 by default: "
              "they give a feed-forward size of 0, which must be 1 to 16777216");
}

TEST(MetaParams, InvalidValuesAreRejectedByName) {
    auto error_with = [](std::string_view from, std::string_view to) {
        std::string json(llama3_8b);
        json.replace(json.find(from), from.size(), to);
        return error_of([&] { parse_meta_params(json, "m/params.json", 0); });
    };
    EXPECT_EQ(error_with("\"dim\": 4096", "\"dim\": 0"), "m/params.json: 'dim' is 0; it must be 1 to 16777216");
    EXPECT_EQ(error_with("\"n_layers\": 32", "\"n_layers\": 5000"),
              "m/params.json: 'n_layers' is 5000; it must be 1 to 4096");
    EXPECT_THAT(error_with("\"n_heads\": 32", "\"n_heads\": 4096"),
                HasSubstr("'n_heads' is 4096 and 'dim' 4096: they give heads of 1, which must be even"));
    EXPECT_EQ(error_with("4096", "\"wide\""), "m/params.json: 'dim' must be an integer");
    EXPECT_THAT(error_with("\"n_heads\": 32", "\"n_heads\": 33"), HasSubstr("'n_heads' is 33; it must divide 'dim'"));
    EXPECT_THAT(error_with("\"n_kv_heads\": 8", "\"n_kv_heads\": 5"),
                HasSubstr("'n_kv_heads' is 5; it must divide 'n_heads', which is 32"));
    EXPECT_THAT(error_with("1.3", "1e300"), HasSubstr("'dim' is 4096, 'ffn_dim_multiplier' 1e+300 and"));
    EXPECT_THAT(error_with("1.3", "-1"), HasSubstr("'ffn_dim_multiplier' is -1; it must be above 0"));
    EXPECT_THAT(error_with("\"multiple_of\": 1024", "\"multiple_of\": 0"), HasSubstr("'multiple_of' is 0"));
    EXPECT_THAT(error_with("1e-05", "7"), HasSubstr("'norm_eps' is 7"));
    EXPECT_THAT(error_with("500000.0", "0"), HasSubstr("'rope_theta' is 0"));
    EXPECT_THAT(error_with("128256", "-1"), HasSubstr("'vocab_size' is not set, and the token embeddings have 0 rows"));
    EXPECT_THAT(error_with("\"dim\"", "\"quantization_args\": {\"group_size\": 32}, \"dim\""),
                HasSubstr("'quantization_args' is set; only the text models of Llama 3 without quantization"));
    EXPECT_EQ(error_of([] { parse_meta_params("", "m/params.json", 0); }),
              "m/params.json: not valid JSON at byte 0: unexpected end of input: download or copy it again");
    EXPECT_THAT(error_of([] { parse_meta_params("[]", "m/params.json", 0); }), HasSubstr("m/params.json"));
    EXPECT_THAT(error_of([] { parse_meta_params(llama3_8b.substr(0, 40), "m/params.json", 0); }),
                HasSubstr("m/params.json"));
}

}  // namespace
}  // namespace puna
