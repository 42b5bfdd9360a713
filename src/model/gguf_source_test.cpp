#include "core/atomic_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "files/gguf_writer.h"
#include "files/safetensors.h"
#include "kernels/kernels.h"
#include "model/gguf_config.h"
#include "model/load.h"
#include "model/test_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace puna {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

const fs::path small = "../shared/golden/small3";

TEST(GgufSource, EveryTypeOfBlockGivesTheLogitsOfItsDequantizedWeights) {
    if (!fs::exists(small)) GTEST_SKIP() << small << " is missing";
    SafetensorsFile expected(small / "quantized.safetensors");
    std::span<int32_t> ids = expected.tensor("tokens").span<int32_t>();
    int models = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(small / "gguf")) {
        std::string type = entry.path().stem().string().substr(7);  // small3-Q4_K_M
        Llama llama = load_llama(choose_kernels(), entry.path(), {});
        std::vector<float> logits = logits_of(llama, std::vector<int32_t>(ids.begin(), ids.end()));
        std::span<float> wanted = expected.tensor(type + ".logits").span<float>();
        ASSERT_EQ(logits.size(), wanted.size());
        double largest = 0;
        for (size_t i = 0; i < logits.size(); ++i)
            largest = std::max(largest, std::abs(static_cast<double>(logits[i]) - static_cast<double>(wanted[i])));
        EXPECT_LT(largest, type == "BF16" ? 0.05 : 3e-5) << type << ": bf16 weights are multiplied in bf16";
        ++models;
    }
    EXPECT_EQ(models, 20);
}

TEST(GgufSource, AFolderMayHoldOneAndAFileMayHaveAnyName) {
    TestFolder folder;
    GgufMetadata metadata;
    add_gguf_config(metadata, small_config(true));
    fs::path path = folder / "llama.Q8_0.gguf";
    GgufWriter(path, metadata, {}).commit();
    EXPECT_EQ(open_model(folder.path())->config().dim, 24);
    fs::copy(path, folder / "sha256-0123");
    EXPECT_EQ(open_model(folder / "sha256-0123")->config().dim, 24);
    fs::copy(path, folder / "llama.Q4_0.gguf");
    EXPECT_THAT(
        error_of([&] { open_model(folder.path()); }),
        HasSubstr("contains 2 GGUF models: name one of them, such as " + (folder / "llama.Q4_0.gguf").string()));
    EXPECT_THAT(error_of([&] { load_llama(choose_kernels(), path, {}); }),
                HasSubstr("llama.Q8_0.gguf: tensor token_embd.weight is missing"));
}

class GgufConfig : public testing::Test {
 protected:
    fs::path path() const { return folder_ / "x.gguf"; }
    GgufMetadata minimal(std::string_view without = "") const {
        GgufMetadata metadata;
        metadata.add("general.architecture", "llama");
        for (auto [key, value] :
             {std::pair{"embedding_length", 64u}, std::pair{"block_count", 2u}, std::pair{"feed_forward_length", 128u},
              std::pair{"attention.head_count", 4u}, std::pair{"context_length", 256u}})
            metadata.add(std::string("llama.") + key, value);
        constexpr const char* epsilon = "llama.attention.layer_norm_rms_epsilon";
        if (without != epsilon) metadata.add(epsilon, 1e-5f);
        return metadata;
    }
    Config read(const GgufMetadata& metadata, const std::vector<NamedTensor>& tensors = {}) const {
        std::vector<TensorSpec> specs;
        for (const NamedTensor& tensor : tensors) specs.push_back(spec_of(tensor));
        GgufWriter writer(path(), metadata, specs);
        for (const NamedTensor& tensor : tensors) writer.write(tensor.tensor);
        writer.commit();
        return open_model(path())->config();
    }
    std::string error(const GgufMetadata& metadata) const {
        return error_of([&] { read(metadata); });
    }
    std::string error_with(std::string_view key, auto value) const {
        GgufMetadata metadata = minimal(key);
        metadata.add(key, value);
        return error(metadata);
    }
    TestFolder folder_;
};

TEST_F(GgufConfig, MissingKeysHaveTheDefaultsOfLlamaCpp) {
    GgufMetadata metadata = minimal();
    metadata.add("llama.vocab_size", uint32_t{300});
    Config config = read(metadata);
    EXPECT_EQ(config.kv_heads, 4);
    EXPECT_EQ(config.head_dim, 16);
    EXPECT_EQ(config.rope_theta, 10000);
    EXPECT_FALSE(config.rope_scaling);
    EXPECT_TRUE(config.tied);
    EXPECT_EQ(config.bos, -1);
    EXPECT_TRUE(config.eos.empty());
}

TEST_F(GgufConfig, TheEpsilonOfNormsMustBeThere) {
    GgufMetadata metadata = minimal("llama.attention.layer_norm_rms_epsilon");
    metadata.add("llama.vocab_size", uint32_t{300});
    EXPECT_THAT(error(metadata), HasSubstr("has no key 'llama.attention.layer_norm_rms_epsilon'"));
}

TEST_F(GgufConfig, NumbersAreTheDecimalsThatWereWritten) {
    GgufMetadata metadata = minimal();
    metadata.add("llama.vocab_size", uint32_t{300});
    metadata.add("llama.rope.freq_base", 1000042.0f);
    metadata.add("tokenizer.ggml.bos_token_id", uint32_t{1});
    metadata.add("tokenizer.ggml.eos_token_id", uint32_t{2});
    metadata.add("tokenizer.ggml.eot_token_id", uint32_t{7});
    Config config = read(metadata);
    EXPECT_EQ(config.norm_epsilon, 1e-5);
    EXPECT_EQ(config.rope_theta, 1000042);
    EXPECT_EQ(config.bos, 1);
    EXPECT_THAT(config.eos, testing::ElementsAre(2, 7));
}

TEST_F(GgufConfig, EveryConfigIsReadBackAsItIs) {
    Config plain = small_config(true);
    plain.dtype = Dtype::bf16;
    plain.pad = 9;
    std::vector<RopeScaling> scalings(5);
    for (size_t i = 0; i < scalings.size(); ++i) scalings[i].kind = static_cast<RopeKind>(i);
    scalings[4].short_divisors = {1, 1.5, 2};
    scalings[4].long_divisors = {1, 3, 4.25};
    scalings[4].original_context = 4096;
    std::vector<Config> configs{plain};
    for (const RopeScaling& scaling : scalings) {
        configs.push_back(plain);
        configs.back().rope_scaling = scaling;
    }
    for (const Config& config : configs) {
        GgufMetadata metadata;
        add_gguf_config(metadata, config);
        metadata.add("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(config.bos));
        std::vector<RopeTensor> factors = rope_tensors(config);
        std::vector<NamedTensor> tensors;
        for (RopeTensor& factor : factors)
            tensors.push_back({factor.name, Tensor(factor.divisors.data(), Dtype::f32, {std::ssize(factor.divisors)})});
        EXPECT_EQ(config_json(read(metadata, tensors), Dtype::bf16), config_json(config, Dtype::bf16));
    }
}

TEST_F(GgufConfig, OthersDivisorsOfFrequenciesAreLlama3sOrAListOfTheirOwn) {
    Config config = small_config(true);
    config.rope_scaling = RopeScaling{.factor = 32};
    for (bool changed : {false, true}) {
        std::vector<RopeTensor> factors = rope_tensors(config);
        std::vector<float>& divisors = factors.at(0).divisors;
        if (changed) divisors[1] *= 1.5f;
        GgufMetadata metadata = minimal();
        metadata.add("llama.vocab_size", uint32_t{300});
        metadata.add("llama.attention.key_length", uint32_t{6});
        metadata.add("llama.attention.value_length", uint32_t{6});
        metadata.add("llama.rope.freq_base", 500000.0f);
        Config read_back = read(metadata, {{"rope_freqs.weight", Tensor(divisors.data(), Dtype::f32, {3})}});
        EXPECT_EQ(read_back.rope_scaling->kind, changed ? RopeKind::longrope : RopeKind::llama3);
        std::vector<float> frequencies = rotary_frequencies(read_back, 100000).values,
                           wanted = rotary_frequencies(config, 0).values;
        if (changed) wanted[1] /= 1.5f;
        for (size_t p = 0; p < 3; ++p) EXPECT_NEAR(frequencies[p], wanted[p], 2e-6 * wanted[p]);
    }
}

TEST_F(GgufConfig, SamplingParametersOfLlamaCppAreTheDefaults) {
    GgufMetadata metadata = minimal();
    metadata.add("llama.vocab_size", uint32_t{300});
    metadata.add("general.sampling.top_k", int32_t{40});
    metadata.add("general.sampling.temp", 0.5f);
    metadata.add("general.sampling.top_p", 1.0f);
    read(metadata);
    SampleOptions sample = open_model(path())->generation_defaults().sample;
    EXPECT_EQ(sample.top_k, 40);
    EXPECT_EQ(sample.temperature, 0.5f);
    EXPECT_EQ(sample.top_p, 1);
}

TEST_F(GgufConfig, KeysThatSomebodyHasEditedCount) {
    Config config = small_config(true);
    GgufMetadata metadata;
    add_gguf_config(metadata, config);
    GgufWriter(path(), metadata, {}).commit();
    GgufFile file(path());
    GgufMetadata edited;
    for (const GgufValue& value : file.values())
        value.key == "llama.rope.freq_base" ? edited.add(value.key, 1e6f) : edited.add(value);
    EXPECT_EQ(read(edited).rope_theta, 1e6);
}

TEST_F(GgufConfig, WhatIsNotSupportedOrWrongIsRefusedByKey) {
    GgufMetadata other;
    other.add("general.architecture", "qwen2");
    EXPECT_THAT(error(other), HasSubstr("x.gguf: general.architecture is 'qwen2'; only 'llama' is supported"));
    EXPECT_THAT(error(GgufMetadata()), HasSubstr("has no key 'general.architecture'"));
    EXPECT_THAT(error_with("llama.expert_count", uint32_t{8}), HasSubstr("key 'llama.expert_count' is 8: a mixture"));
    EXPECT_THAT(error_with("llama.rope.dimension_count", uint32_t{8}), HasSubstr("partial rotary embeddings"));
    EXPECT_THAT(error_with("llama.attention.head_count_kv", uint32_t{3}),
                HasSubstr("key 'llama.attention.head_count_kv' is 3, which does not divide the 4 heads"));
    EXPECT_THAT(error_with("llama.attention.layer_norm_rms_epsilon", std::nanf("")),
                HasSubstr("key 'llama.attention.layer_norm_rms_epsilon' is nan; it must be 1e-30 or more and below 1"));
    EXPECT_THAT(error_with("llama.rope.freq_base", -1.0f),
                HasSubstr("key 'llama.rope.freq_base' is -1; it must be 1 or more and below 1000000000000"));
    EXPECT_THAT(error_with("llama.rope.freq_base", "x"), HasSubstr("key 'llama.rope.freq_base' has the type string"));
    EXPECT_THAT(error_with("llama.vocab_size", uint32_t{0}), HasSubstr("vocab_size"));
    GgufMetadata metadata = minimal();
    metadata.add("llama.vocab_size", uint32_t{300});
    metadata.add("tokenizer.ggml.eos_token_id", uint32_t{300});
    EXPECT_THAT(error(metadata),
                HasSubstr("key 'tokenizer.ggml.eos_token_id' is 300; the vocabulary has token ids 0 to"));
}

TEST_F(GgufConfig, SizesOutOfRangeOrOfAnotherModelAreRefusedByKey) {
    for (const char* name : {"embedding_length", "block_count", "feed_forward_length", "attention.head_count",
                             "attention.head_count_kv", "context_length", "attention.key_length"}) {
        std::string key = std::string("llama.") + name;
        for (uint32_t value : {0u, 4294967295u}) {
            GgufMetadata metadata;
            metadata.add("general.architecture", "llama");
            for (auto [other, size] :
                 {std::pair{"llama.embedding_length", 64u}, std::pair{"llama.block_count", 2u},
                  std::pair{"llama.feed_forward_length", 128u}, std::pair{"llama.attention.head_count", 4u},
                  std::pair{"llama.context_length", 256u}})
                if (key != other) metadata.add(other, size);
            metadata.add("llama.attention.layer_norm_rms_epsilon", 1e-5f);
            metadata.add(key, value);
            EXPECT_THAT(error(metadata), HasSubstr(fmt::format("key '{}' is {}; it must be 1 to ", key, value)));
        }
    }
    std::vector<float> rows(2 * 96);
    EXPECT_THAT(error_of([&] {
                    read(minimal(), {{"token_embd.weight", Tensor(rows.data(), Dtype::f32, {2, 96})}});
                }),
                HasSubstr("key 'llama.embedding_length' is 64, but tensor 'token_embd.weight' has rows of 96"));
    GgufMetadata tokens = minimal();
    tokens.add_list("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "c"});
    EXPECT_THAT(error_of([&] {
                    read(tokens, {{"token_embd.weight", Tensor(rows.data(), Dtype::f32, {2, 64})}});
                }),
                HasSubstr("key 'tokenizer.ggml.tokens' has 3 tokens, but tensor 'token_embd.weight' has 2 rows"));
    EXPECT_EQ(read(tokens, {{"token_embd.weight", Tensor(rows.data(), Dtype::f32, {3, 64})}}).vocabulary, 3);
}

TEST_F(GgufConfig, DivisorsAndScalingKeysAreCombinedAsInLlamaCpp) {
    std::vector<float> divisors = {1, 1, 1, 1, 2, 2, 4, 4};
    auto read_with = [&](std::string_view type) {
        GgufMetadata metadata = minimal();
        metadata.add("llama.vocab_size", uint32_t{300});
        metadata.add("llama.rope.scaling.type", type);
        metadata.add("llama.rope.scaling.factor", 2.0f);
        return read(metadata, {{"rope_freqs.weight", Tensor(divisors.data(), Dtype::f32, {8})}});
    };
    std::vector<float> plain = rotary_frequencies(read_with("none"), 0).values,
                       linear = rotary_frequencies(read_with("linear"), 0).values;
    for (size_t p = 0; p < 8; ++p) EXPECT_FLOAT_EQ(linear[p], plain[p] / 2);
    EXPECT_THAT(error_of([&] { read_with("yarn"); }),
                HasSubstr("key 'llama.rope.scaling.type' is 'yarn', together with tensor 'rope_freqs.weight'"));
    EXPECT_THAT(error_of([&] { read_with("ntk"); }), HasSubstr("key 'llama.rope.scaling.type' is 'ntk'"));
    GgufMetadata without;
    add_gguf_config(without, small_config(true));
    without.add("llama.rope.scaling.type", "longrope");
    EXPECT_THAT(error(without), HasSubstr("'longrope', but the file lacks tensors 'rope_factors_short.weight'"));
}

}  // namespace
}  // namespace puna
