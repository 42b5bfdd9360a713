#include "model/quantization_mix.h"

#include "core/test_error.h"
#include "files/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

namespace puna {
namespace {

using testing::HasSubstr;

Config config_of(int64_t layers, int64_t dim, int64_t ffn, int64_t heads, int64_t kv_heads, bool tied = false) {
    Config config;
    config.dim = dim;
    config.layers = layers;
    config.heads = heads;
    config.kv_heads = kv_heads;
    config.head_dim = dim / heads;
    config.ffn = ffn;
    config.vocabulary = 512;
    config.tied = tied;
    return config;
}

// The dtypes of a mix by the names of its weights.
std::map<std::string, Dtype> dtypes_of(const QuantizationMix& mix) {
    std::map<std::string, Dtype> dtypes;
    for (const MixedWeight& mixed : mix.weights) dtypes[gguf_name(mixed.weight)] = mixed.dtype;
    return dtypes;
}

Dtype dtype_in(std::string_view type, const Config& config, const std::string& weight, bool has_importance = false) {
    return dtypes_of(mix_weights(find_file_type(type), config, has_importance)).at(weight);
}

const Config config_8b = config_of(32, 4096, 14336, 32, 8);

TEST(QuantizationMix, WeightsHaveTheTypesOfTheFormatsTools) {
    std::filesystem::path folder = "../shared/golden/small3/gguf";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "../shared/golden is missing";
    Config config = config_of(2, 256, 768, 8, 2);
    int files = 0;
    for (const FileType& type : file_types()) {
        std::string name(type.name);
        for (char& c : name) c = static_cast<char>(std::toupper(c));
        std::filesystem::path path = folder / ("small3-" + name + ".gguf");
        if (!std::filesystem::exists(path)) continue;
        GgufFile file(path);
        EXPECT_EQ(file.integer("general.file_type"), type.number) << name;
        bool has_importance = file.find_value("quantize.imatrix.file") != nullptr;
        for (const auto& [weight, dtype] : dtypes_of(mix_weights(type, config, has_importance)))
            EXPECT_EQ(file.find(weight)->dtype, dtype) << name << " " << weight;
        ++files;
    }
    EXPECT_EQ(files, 20);
}

TEST(QuantizationMix, LayersThatSufferMostGetMoreBits) {
    int finer = 0;
    for (const auto& [weight, dtype] : dtypes_of(mix_weights(find_file_type("q4_k_m"), config_8b, false)))
        finer += weight.ends_with("ffn_down.weight") && dtype == Dtype::q6_K;
    EXPECT_EQ(finer, 16) << "of 32";
    EXPECT_EQ(dtype_in("q4_k_m", config_8b, "blk.3.attn_v.weight"), Dtype::q6_K);
    EXPECT_EQ(dtype_in("q4_k_m", config_8b, "blk.4.attn_v.weight"), Dtype::q4_K);
    EXPECT_EQ(dtype_in("q4_k_m", config_8b, "blk.6.attn_v.weight"), Dtype::q6_K);
    EXPECT_EQ(dtype_in("q4_k_s", config_8b, "blk.3.attn_v.weight"), Dtype::q5_K);
    EXPECT_EQ(dtype_in("q3_k_m", config_8b, "blk.1.ffn_down.weight"), Dtype::q5_K);
    EXPECT_EQ(dtype_in("q3_k_m", config_8b, "blk.2.ffn_down.weight"), Dtype::q4_K);
    EXPECT_EQ(dtype_in("iq4_xs", config_8b, "blk.3.ffn_down.weight"), Dtype::q5_K);
    EXPECT_EQ(dtype_in("iq4_xs", config_8b, "blk.3.ffn_down.weight", true), Dtype::iq4_xs);
    EXPECT_EQ(dtype_in("q4_0", config_8b, "blk.3.ffn_down.weight", true), Dtype::q4_1);
    EXPECT_EQ(dtype_in("q2_k", config_of(32, 4096, 11008, 32, 32), "blk.9.attn_v.weight"), Dtype::q3_K);
    EXPECT_EQ(dtype_in("q4_k_m", config_of(80, 8192, 28672, 64, 8), "blk.11.attn_v.weight"), Dtype::q5_K);
    EXPECT_EQ(dtype_in("iq3_xs", config_8b, "blk.4.ffn_up.weight", true), Dtype::iq3_xxs);
    EXPECT_EQ(dtype_in("iq3_xs", config_8b, "blk.28.ffn_up.weight", true), Dtype::iq3_s);
}

TEST(QuantizationMix, SizesAreThoseThatOneKnows) {
    Config config = config_8b;
    config.vocabulary = 128256;
    auto gigabytes = [&](std::string_view type, bool importance = false) {
        return static_cast<double>(mix_weights(find_file_type(type), config, importance).bytes()) / (1 << 30);
    };
    EXPECT_NEAR(gigabytes("q4_k_m"), 4.58, 0.005);
    EXPECT_NEAR(gigabytes("q6_k"), 6.14, 0.005);
    EXPECT_NEAR(gigabytes("q8_0"), 7.95, 0.005);
    EXPECT_NEAR(gigabytes("f16"), 14.96, 0.005);
}

TEST(QuantizationMix, DescriptionsStateTheBitsOfAn8B) {
    Config config = config_8b;
    config.vocabulary = 128256;
    double weights = static_cast<double>(parameter_count(config));
    for (const FileType& type : file_types()) {
        double bits = 8 * static_cast<double>(mix_weights(type, config, type.needs_importance).bytes()) / weights;
        EXPECT_NEAR(std::stod(std::string(type.description)), bits, 0.051) << type.name;
        EXPECT_EQ(type.description.find("importance") != type.description.npos, type.needs_importance) << type.name;
    }
}

TEST(QuantizationMix, ATiedEmbeddingIsStoredAsTheOutput) {
    Config config = config_of(2, 256, 768, 8, 2, true);
    QuantizationMix mix = mix_weights(find_file_type("q4_0"), config, false);
    EXPECT_EQ(dtypes_of(mix).at("token_embd.weight"), Dtype::q6_K);
    EXPECT_EQ(dtypes_of(mix).count("output.weight"), 0u);
    EXPECT_EQ(dtypes_of(mix).at("output_norm.weight"), Dtype::f32);
}

TEST(QuantizationMix, RowsThatAreNoWholeBlocksGetAnotherTypeAndALineSaysSo) {
    Config config = config_of(6, 288, 768, 6, 6);
    QuantizationMix mix = mix_weights(find_file_type("q4_k_m"), config, false);
    EXPECT_EQ(dtypes_of(mix).at("blk.1.attn_q.weight"), Dtype::q5_0);
    EXPECT_EQ(dtypes_of(mix).at("blk.1.ffn_down.weight"), Dtype::q4_K) << "rows of 768";
    EXPECT_EQ(dtypes_of(mix).at("output.weight"), Dtype::q8_0);
    EXPECT_EQ(mix.fallbacks(),
              "35 weights are q5_0 instead of q4_K: rows of 288 elements are not whole blocks of 256; 3 weights are "
              "q8_0 instead of q6_K: rows of 288 elements are not whole blocks of 256");
    EXPECT_EQ(dtype_in("q4_0", config_of(6, 72, 192, 6, 6), "blk.1.attn_q.weight"), Dtype::f16);
    EXPECT_EQ(mix_weights(find_file_type("q4_k_m"), config_8b, false).fallbacks(), "");
}

TEST(QuantizationMix, FewBitsNeedAnImportanceMatrix) {
    for (std::string type : {"iq2_xxs", "iq2_xs", "iq2_s", "iq2_m", "iq3_xxs", "iq3_s", "q2_k_s"}) {
        auto mix = [&](bool has_importance) { mix_weights(find_file_type(type), config_8b, has_importance); };
        EXPECT_THAT(error_of([&] { mix(false); }), HasSubstr(type + " needs an importance matrix"));
        EXPECT_EQ(error_kind_of([&] { mix(false); }), ErrorKind::usage);
        EXPECT_EQ(error_of([&] { mix(true); }), "no error");
    }
}

TEST(QuantizationMix, UnknownTypesAreRefusedWithTheKnownOnes) {
    EXPECT_THAT(error_of([] { find_file_type("q4_k"); }),
                HasSubstr("'q4_k' is no type of quantized models; use one of"));
    EXPECT_THAT(error_of([] { find_file_type("q4_k"); }), HasSubstr("q4_k_m, q4_k_s"));
}

}  // namespace
}  // namespace puna
