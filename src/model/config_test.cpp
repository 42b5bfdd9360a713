#include "model/config.h"

#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace puna {
namespace {

using testing::HasSubstr;

// config.json of Llama 3.2 1B as published, with these fields: R"("head_dim": 128)".
std::string json_with(std::string_view fields) {
    constexpr std::string_view published =
        R"({"architectures": ["LlamaForCausalLM"], "attention_bias": false, "bos_token_id": 128000,
        "eos_token_id": [128001, 128008, 128009], "head_dim": 64, "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02,
        "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama",
        "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
        "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192,
                         "rope_type": "llama3"},
        "rope_theta": 500000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 128256})";
    std::string changed = fmt::format("{{{}}}", fields);
    JsonDocument original(published, "published"), other(changed, "changed");
    std::vector<JsonMember> members = other.root().unique_members();
    std::vector<JsonObject::Member> replaced;
    for (const JsonMember& member : members) replaced.push_back({member.name, JsonText::verbatim(member.value.raw())});
    return with_members(original.root(), replaced).text();
}

std::string parse_error(const std::string& json) {
    return error_of([&] { parse_config(json, "config.json"); });
}

TEST(Config, ReadsThePublishedLlama32Config) {
    Config config = parse_config(json_with(""), "config.json");
    EXPECT_EQ(config.eos, (std::vector<int32_t>{128001, 128008, 128009}));
    EXPECT_TRUE(config.tied);
    EXPECT_EQ(config.rope_scaling->factor, 32);
}

TEST(Config, RoundTripsThroughJson) {
    Config config = parse_config(json_with(R"("pad_token_id": 128004)"), "config.json"),
           again = parse_config(config_json(config, Dtype::bf16), "again");
    EXPECT_EQ(again.pad, 128004);
    EXPECT_EQ(config_json(again, Dtype::bf16), config_json(config, Dtype::bf16));
    EXPECT_EQ(rotary_frequencies(again, 0).values, rotary_frequencies(config, 0).values);
}

TEST(Config, APadTokenThatIsNoneIsIgnored) {
    for (const char* value : {"null", "-1", "128256", "\"<pad>\"", "[1]"})
        EXPECT_EQ(parse_config(json_with(fmt::format(R"("pad_token_id": {})", value)), "config.json").pad, -1) << value;
}

// Llama 3.1 8B: factor 8 over an original context of 8192 tokens.
TEST(Config, RopeScalingStretchesOnlyLongWavelengths) {
    Config config = parse_config(json_with(R"("head_dim": 128)"), "config.json");
    config.rope_scaling->factor = 8;
    std::vector<float> scaled = rotary_frequencies(config, 0).values;
    config.rope_scaling.reset();
    std::vector<float> plain = rotary_frequencies(config, 0).values;
    for (size_t i = 0; i < plain.size(); ++i) {
        double wave = 2 * M_PI / static_cast<double>(plain[i]);
        float ratio = scaled[i] / plain[i];
        if (wave < 8192.0 / 4)
            EXPECT_EQ(ratio, 1) << i;
        else if (wave > 8192.0)
            EXPECT_NEAR(ratio, 1.0 / 8, 1e-6) << i;
        else
            EXPECT_TRUE(ratio > 1.0f / 8 && ratio < 1) << i;
    }
}

TEST(Config, UnsupportedFeaturesAreRejectedByName) {
    EXPECT_EQ(parse_error(json_with(R"("model_type": "mistral")")),
              "config.json: model_type is 'mistral'; only 'llama' is supported");
    EXPECT_EQ(parse_error(R"({"architectures": ["MistralForCausalLM"], "hidden_size": 64})"),
              "config.json: 'architectures' names MistralForCausalLM; only LlamaForCausalLM is supported");
    EXPECT_THAT(parse_error(json_with(R"("hidden_act": "gelu")")), HasSubstr("hidden_act is 'gelu'"));
    EXPECT_EQ(parse_error(json_with(R"("model_type": "mixtral")")),
              "config.json: model_type is 'mixtral'; only 'llama' is supported")
        << "although it says LlamaForCausalLM";
    EXPECT_THAT(parse_error(json_with(R"("architectures": ["LlamaForSequenceClassification"])")),
                HasSubstr("'architectures' names LlamaForSequenceClassification"));
    EXPECT_THAT(parse_error(json_with(R"("draft_vocab_size": 32000)")), HasSubstr("'draft_vocab_size' is 32000: "));
    EXPECT_THAT(parse_error(json_with(R"("num_local_experts": 8)")), HasSubstr("'num_local_experts' is 8: a mixture"));
    EXPECT_THAT(parse_error(json_with(R"("rope_scaling": {"type": "ntk", "factor": 2})")),
                HasSubstr("rope_scaling: the scaling of rotary "
                          "frequencies 'ntk' (rope_type)"));
    EXPECT_THAT(parse_error(json_with(R"("num_key_value_heads": 7)")),
                HasSubstr("32 attention heads are not a multiple of 7"));
    EXPECT_THAT(parse_error(json_with(R"("head_dim": 63)")), HasSubstr("head_dim is 63"));
    EXPECT_THAT(parse_error(json_with(R"("hidden_size": 0)")), HasSubstr("'hidden_size' is 0"));
    EXPECT_THAT(parse_error(json_with(R"("vocab_size": 9223372036854775807)")), HasSubstr("vocab_size"));
    EXPECT_THAT(parse_error(json_with(R"("vocab_size": "many")")), HasSubstr("'vocab_size' must be an integer"));
    EXPECT_THAT(parse_error(json_with(R"("rms_norm_eps": 0)")), HasSubstr("rms_norm_eps"));
    EXPECT_THAT(parse_error(json_with(R"("eos_token_id": [-1])")), HasSubstr("eos_token_id"));
    EXPECT_EQ(parse_error("[]"), "config.json: not a JSON object");
    EXPECT_THAT(parse_error("{"), HasSubstr("config.json: "));
}

// A field of the wrong type must not silently fall back to its default.
TEST(Config, FieldsOfTheWrongTypeAreRejectedByName) {
    for (const char* rope : {"rope_scaling", "rope_parameters"}) {
        for (const char* value : {R"("x")", "3", "true", "[]", "[{}]"})
            EXPECT_EQ(parse_error(json_with(fmt::format(R"("{}": {})", rope, value))),
                      fmt::format("config.json: '{}' must be an object or null", rope));
        EXPECT_EQ(parse_error(json_with(
                      fmt::format(R"("rope_scaling": null, "{}": {{"rope_type": "llama3", "factor": [8]}})", rope))),
                  fmt::format("config.json: '{}.factor' must be a number", rope));
    }
    for (const char* field : {"rope_theta", "rms_norm_eps"})
        for (const char* value : {"[]", "{}", "[1]", "true", R"("1")"})
            EXPECT_EQ(parse_error(json_with(fmt::format(R"("{}": {})", field, value))),
                      fmt::format("config.json: '{}' must be a number", field));
    for (const char* field : {"head_dim", "num_key_value_heads", "bos_token_id", "max_position_embeddings"})
        for (const char* value : {"[]", "{}", "[1]", "true", "1.5", R"("1")"})
            EXPECT_EQ(parse_error(json_with(fmt::format(R"("{}": {})", field, value))),
                      fmt::format("config.json: '{}' must be an integer", field));
    for (const char* value : {R"("x")", "1.5", "true", "{}", "[true]", "[1.5]", "[[1]]", "[null]", "[{}]"})
        EXPECT_EQ(parse_error(json_with(fmt::format(R"("eos_token_id": {})", value))),
                  "config.json: 'eos_token_id' must be an integer or a list of integers");
    EXPECT_EQ(parse_error(json_with(R"("tie_word_embeddings": [])")),
              "config.json: 'tie_word_embeddings' must be true or false");
    EXPECT_EQ(parse_error(json_with(R"("hidden_act": {})")), "config.json: 'hidden_act' must be a string");
    for (const char* field : {"rope_theta", "rope_scaling", "rope_parameters", "head_dim", "eos_token_id", "hidden_act",
                              "tie_word_embeddings"})
        EXPECT_EQ(parse_error(json_with(fmt::format(R"("{}": null)", field))), "no error") << field;
}

// The defaults of transformers' LlamaConfig.
TEST(Config, MissingFieldsHaveTransformersDefaults) {
    Config config = parse_config("{}", "config.json");
    EXPECT_EQ(config.vocabulary, 32000);
    EXPECT_EQ(config.dim, 4096);
    EXPECT_EQ(config.ffn, 11008);
    EXPECT_EQ(config.layers, 32);
    EXPECT_EQ(config.heads, 32);
    EXPECT_EQ(config.kv_heads, 32);
    EXPECT_EQ(config.head_dim, 128);
    EXPECT_EQ(config.context, 2048);
    EXPECT_EQ(config.norm_epsilon, 1e-6);
    EXPECT_EQ(config.rope_theta, 10000);
    EXPECT_FALSE(config.rope_scaling);
    EXPECT_FALSE(config.tied);
    EXPECT_EQ(config.bos, 1);
    EXPECT_EQ(config.eos, std::vector<int32_t>{2});
    Config none = parse_config(R"({"bos_token_id": null, "eos_token_id": null, "head_dim": null})", "config.json");
    EXPECT_EQ(none.bos, -1);
    EXPECT_EQ(none.eos, std::vector<int32_t>{});
    EXPECT_EQ(none.head_dim, 128);
    Config again = parse_config(config_json(none, Dtype::f32), "again");
    EXPECT_EQ(again.bos, -1);
    EXPECT_EQ(again.eos, std::vector<int32_t>{});
    EXPECT_EQ(parse_error(R"({"hidden_act": "swish"})"), "no error") << "synonym of silu";
    EXPECT_FALSE(config.attention_bias || config.mlp_bias || config.dtype);
}

// What descendants of Llama say instead.
TEST(Config, OtherSpellingsAreRead) {
    auto read = [](std::string_view fields) { return parse_config(fmt::format("{{{}}}", fields), "config.json"); };
    EXPECT_EQ(read(R"("architectures": ["LLaMAForCausalLM"], "max_sequence_length": 1024)").context, 1024);
    EXPECT_EQ(read(R"("max_position_embeddings": 4096, "max_sequence_length": 1024)").context, 4096);
    EXPECT_EQ(read(R"("model_type": "Yi", "rope_theta": 5000000)").rope_theta, 5e6);
    EXPECT_EQ(read(R"("dtype": "bfloat16")").dtype, Dtype::bf16);
    EXPECT_EQ(read(R"("torch_dtype": "torch.float16")").dtype, Dtype::f16);
    Config biased = read(R"("attention_bias": true, "mlp_bias": true)"),
           again = parse_config(config_json(biased, Dtype::f32), "again");
    EXPECT_TRUE(again.attention_bias && again.mlp_bias);
    Config internlm = read(R"("architectures": ["InternLMForCausalLM"], "model_type": "internlm", "bias": true,
                              "rotary": {"base": 5000, "type": "dynamic"})");
    EXPECT_TRUE(internlm.attention_bias && !internlm.mlp_bias);
    EXPECT_FALSE(read(R"("bias": "none")").attention_bias);
    EXPECT_EQ(internlm.rope_theta, 5000);
}

// rope_scaling as a whole takes precedence over rope_parameters, rope_type over type, and nested fields over top-level
// ones except original_max_position_embeddings.
TEST(Config, ConflictingFieldsAreResolvedAsInTransformers) {
    auto read = [](std::string_view rope) { return parse_config(fmt::format("{{{}}}", rope), "config.json"); };
    std::string_view llama3 = R"("rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4)";
    EXPECT_EQ(read(R"("rope_theta": 5, "rope_parameters": {"rope_theta": 7})").rope_theta, 7);
    EXPECT_EQ(read(R"("rope_theta": 5, "rope_scaling": {"rope_theta": 7, "rope_type": "default"})").rope_theta, 7);
    EXPECT_EQ(read(R"("rope_theta": 5, "rope_scaling": {"rope_type": "default"}, "rope_parameters": {"rope_theta": 7})")
                  .rope_theta,
              5);
    EXPECT_EQ(read(R"("rope_scaling": {}, "rope_parameters": {"rope_theta": 7})").rope_theta, 7);
    EXPECT_EQ(read(R"("rope_parameters": {"rope_theta": 7}, "rope_scaling": null)").rope_theta, 7);
    EXPECT_FALSE(
        read(fmt::format(R"("rope_parameters": {{{}}}, "rope_scaling": {{"type": "default"}})", llama3)).rope_scaling);
    EXPECT_TRUE(read(fmt::format(R"("rope_scaling": {{{}, "type": "linear"}})", llama3)).rope_scaling);
    EXPECT_EQ(read(R"("rope_scaling": {"rope_type": "linear", "type": "llama3", "factor": 8})").rope_scaling->kind,
              RopeKind::linear);
    EXPECT_EQ(read(fmt::format(R"("rope_scaling": {{{}}}, "max_position_embeddings": 77)", llama3))
                  .rope_scaling->original_context,
              77);
    EXPECT_EQ(
        read(
            fmt::format(
                R"("rope_scaling": {{{}, "original_max_position_embeddings": 9}}, "original_max_position_embeddings": 8)",
                llama3))
            .rope_scaling->original_context,
        8);
    EXPECT_EQ(read(R"("hidden_size": 64, "head_dim": 6, "hidden_size": 64)").dim, 64) << "the same value twice";
    EXPECT_EQ(parse_error(R"({"hidden_size": 64, "head_dim": 6, "hidden_size": 128})"),
              "config.json: duplicate field 'hidden_size': keep one");
    EXPECT_EQ(
        parse_error(R"({"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 2}}})"),
        "config.json: 'rope_parameters.full_attention' is one of several settings for kinds of layers; only one for "
        "all layers is supported");
    EXPECT_EQ(
        parse_error(R"({"rope_parameters": {"partial_rotary_factor": 0.5}})"),
        "config.json: 'rope_parameters.partial_rotary_factor' is 0.5; partial rotary embeddings are not supported");
}

TEST(Config, QuantizedCheckpointsAreReportedAsQuantized) {
    for (const char* method : {"gptq", "awq", "bitsandbytes", "fp8", "compressed-tensors"})
        EXPECT_EQ(
            parse_error(json_with(fmt::format(
                R"("quantization_config": {{"bits": 4, "quant_method": "{}", "modules": ["x"]}})", method))),
            fmt::format("config.json: the weights are quantized with {} ('quantization_config'); only F32, F16 and "
                        "BF16 are supported: use the unquantized model",
                        method));
    EXPECT_THAT(parse_error(json_with(R"("quantization_config": {"load_in_8bit": true})")),
                HasSubstr("with bitsandbytes"));
    EXPECT_THAT(parse_error(json_with(R"("compression_config": {"format": "x"})")), HasSubstr("'compression_config'"));
    for (const char* none : {"null", "{}"})
        EXPECT_EQ(parse_error(json_with(fmt::format(R"("quantization_config": {})", none))), "no error");
}

TEST(Config, UnusedFieldsMayBeNestedAsDeepAsOthersRead) {
    auto problem = [](size_t depth) {
        std::string nested = std::string(depth, '[') + std::string(depth, ']');
        return error_of([&] { parse_config(R"({"unused": )" + nested + "}", "config.json"); });
    };
    EXPECT_EQ(problem(999), "no error");
    EXPECT_THAT(problem(20'000), HasSubstr("config.json: nested too deep at byte 1012: more than 1000 levels"));
}

TEST(Config, IntegersBeyond64BitsAreReportedAsTooLarge) {
    for (const char* field : {"vocab_size", "bos_token_id", "head_dim"})
        EXPECT_EQ(parse_error(json_with(fmt::format(R"("{}": 123456789012345678901)", field))),
                  fmt::format("config.json: '{}' is 123456789012345678901, which does not fit in 64 bits", field));
    EXPECT_EQ(parse_error(json_with(R"("eos_token_id": [1, -123456789012345678901])")),
              "config.json: 'eos_token_id[1]' is -123456789012345678901, which does not fit in 64 bits");
    EXPECT_EQ(parse_error(json_with(R"("hidden_size": 18446744073709551615)")),
              "config.json: 'hidden_size' is 18446744073709551615, which does not fit in 64 bits");
    EXPECT_EQ(parse_error(json_with(R"("unknown_field": 123456789012345678901)")), "no error");
    EXPECT_EQ(parse_error(json_with(R"("rope_theta": 123456789012)")), "no error");
}

TEST(Config, RopeScalingNeedsAType) {
    auto with = [](std::string_view rope) {
        return fmt::format(
            R"({{"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 64, {}}})",
            rope);
    };
    EXPECT_EQ(parse_error(with(R"("rope_scaling": {"factor": 8})")),
              "config.json: 'rope_scaling.factor' is set but 'rope_scaling.rope_type' is missing");
    EXPECT_EQ(parse_error(with(R"("rope_parameters": {"rope_type": null, "low_freq_factor": 1})")),
              "config.json: 'rope_parameters.low_freq_factor' is set but 'rope_parameters.rope_type' is missing");
    EXPECT_EQ(parse_error(with(R"("rope_scaling": {"type": "llama3", "factor": 8})")),
              "config.json: 'rope_scaling.low_freq_factor' is missing");
    EXPECT_EQ(parse_config(with(R"("rope_parameters": {"rope_theta": 7})"), "x").rope_theta, 7);
    EXPECT_FALSE(parse_config(with(R"("rope_scaling": {"rope_type": "default", "factor": 8})"), "x").rope_scaling);
}

TEST(Config, OutOfRangeErrorsStateTheRange) {
    auto rope = [](std::string_view changed) {
        std::string json = json_with("");
        size_t at = json.find(changed.substr(0, changed.find(':')));
        return json.replace(at, json.find_first_of(",}", at) - at, changed);
    };
    EXPECT_THAT(parse_error(json_with(R"("rms_norm_eps": 1e-50)")),
                HasSubstr("'rms_norm_eps' is 1e-50; it must be above 0"));
    EXPECT_EQ(parse_error(json_with(R"("rms_norm_eps": 0)")),
              "config.json: 'rms_norm_eps' is 0; it must be above 0 and below 1");
    EXPECT_EQ(parse_error(json_with(R"("rope_theta": 1e30)")),
              "config.json: 'rope_theta' is 1e+30; it must be 1 or more and below 1e12");
    EXPECT_EQ(parse_error(json_with(R"("eos_token_id": -1)")),
              "config.json: 'eos_token_id' is -1; the vocabulary has token ids 0 to 128255");
    EXPECT_EQ(parse_error(json_with(R"("bos_token_id": 128256)")),
              "config.json: 'bos_token_id' is 128256; the vocabulary has token ids 0 to 128255");
    EXPECT_EQ(parse_error(json_with(R"("eos_token_id": [0, 128255, 128256])")),
              "config.json: 'eos_token_id[2]' is 128256; the vocabulary has token ids 0 to 128255");
    EXPECT_EQ(parse_config(json_with(R"("bos_token_id": -1)"), "config.json").bos, -1) << "none";
    EXPECT_EQ(parse_error(json_with(R"("rms_norm_eps": 1e999)")), "config.json: 'rms_norm_eps' is out of range: 1e999");
    EXPECT_EQ(parse_error(rope(R"("factor": 0.5)")),
              "config.json: RoPE scaling 'factor' is 0.5; it must be 1 or more and below 1e6");
    EXPECT_THAT(parse_error(rope(R"("low_freq_factor": 4)")), HasSubstr("must satisfy 0 < low < high < 1e6"));
    EXPECT_THAT(parse_error(rope(R"("original_max_position_embeddings": 0)")), HasSubstr("it must be 1 to 1073741824"));
}

}  // namespace
}  // namespace puna
