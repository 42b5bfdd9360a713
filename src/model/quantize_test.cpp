#include "model/quantize.h"

#include "core/random.h"
#include "core/test_error.h"
#include "files/safetensors.h"
#include "kernels/arena.h"
#include "model/test_divergence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace puna {
namespace {

using testing::HasSubstr;

// A weight of a few rows.
class QuantizeWeight : public testing::Test {
 protected:
    Tensor floats(int64_t rows, int64_t columns) {
        Tensor x = memory_.tensor(Dtype::f32, {rows, columns});
        for (float& value : x.span<float>()) value = random_.normal();
        return x;
    }
    Tensor empty(Dtype dtype, int64_t rows, int64_t columns) { return memory_.tensor(dtype, {rows, columns}); }
    std::string error_with(float value, Dtype dtype) {
        Tensor x = floats(3, 256);
        x.row<float>(2)[100] = value;
        return error_of(
            [&] { quantize_weight(choose_kernels(), "blk.1.ffn_up.weight", empty(dtype, 3, 256), x, {}, memory_); });
    }

    Arena memory_{choose_kernels()};
    Random random_{7};
};

TEST_F(QuantizeWeight, ValuesOfEveryTypeBecomeEveryOther) {
    Tensor x = floats(5, 256);
    for (Dtype from : {Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::q8_0})
        for (Dtype to : {Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::q8_0, Dtype::q6_K}) {
            Tensor stored = empty(from, 5, 256), out = empty(to, 5, 256), again = empty(Dtype::f32, 5, 256);
            quantize_weight(choose_kernels(), "w", stored, x, {}, memory_);
            quantize_weight(choose_kernels(), "w", out, stored, {}, memory_);
            quantize_weight(choose_kernels(), "w", again, out, {}, memory_);
            for (int64_t i = 0; i < x.count(); ++i)
                ASSERT_NEAR(again.as<float>()[i], x.as<float>()[i], 0.08f) << info(from).name << info(to).name;
        }
}

TEST_F(QuantizeWeight, ValuesThatAreNoWeightsAreErrorsThatNameTheTensor) {
    for (Dtype dtype : {Dtype::q4_K, Dtype::f16}) {
        EXPECT_THAT(error_with(NAN, dtype),
                    HasSubstr("tensor blk.1.ffn_up.weight contains nan: the weights are damaged, download"));
        EXPECT_THAT(error_with(-INFINITY, dtype), HasSubstr("tensor blk.1.ffn_up.weight contains -inf"));
    }
    EXPECT_THAT(error_with(7e4f, Dtype::iq4_xs), HasSubstr("contains 70000, but values of iq4_xs are at most 65504"));
    EXPECT_THAT(error_with(7e4f, Dtype::f16), HasSubstr("values of f16"));
    EXPECT_THAT(error_with(1e30f, Dtype::q8_0), HasSubstr("contains 1e+30"));
    EXPECT_EQ(error_with(6e4f, Dtype::q8_0), "no error");
    EXPECT_EQ(error_with(7e4f, Dtype::bf16), "no error");
}

// The tokens of the reference logits.
std::vector<int32_t> golden_tokens() {
    SafetensorsFile file("../shared/golden/small3/quantized.safetensors");
    std::span<int32_t> tokens = file.tensor("tokens").span<int32_t>();
    return {tokens.begin(), tokens.end()};
}

// Those of the format's usual tools (../shared/README.md), times 1.05.
TEST(Quantize, AModelDivergesNoMoreThanThatOfTheFormatsTools) {
    if (!std::filesystem::exists("../shared/golden")) GTEST_SKIP() << "../shared/golden is missing";
    QuantizedDivergence divergence("../shared/golden/small3/hf", golden_tokens());
    const std::map<std::string_view, double> theirs{{"q8_0", 1.26e-4},  {"q6_k", 1.40e-3},    {"q5_k_m", 5.51e-3},
                                                    {"q5_0", 7.20e-3},  {"q4_k_m", 1.962e-2}, {"iq4_xs", 2.315e-2},
                                                    {"q4_0", 2.951e-2}, {"q3_k_m", 6.171e-2}, {"q2_k", 2.197e-1}};
    for (const auto& [type, limit] : theirs) {
        double ours = divergence.of(find_file_type(type));
        EXPECT_LT(ours, 1.05 * limit) << type;
        RecordProperty(std::string(type), fmt::format("{:.4g} of {:.4g}", ours, limit));
    }
    ImportanceMatrix importance = measure_importance(divergence.llama(), golden_tokens(), {});
    EXPECT_LT(divergence.of(find_file_type("iq3_xxs"), importance), 0.9 * 1.03e-1);
    EXPECT_LT(divergence.of(find_file_type("iq2_xs"), importance), 0.9 * 2.625e-1);
}

// Measured on one story, tested on another.
TEST(Quantize, ATrainedModelDivergesLessWithAnImportanceMatrix) {
    Tokenizer tokenizer = open_model("models/starter")->tokenizer();
    std::vector<int32_t> story = tokenizer.encode(
        "Once upon a time, there was a little girl named Lily. She loved to play in the park with her dog. One day, "
        "they"
        " found a big red ball under a tree. Lily wanted to take it home, but her mom said, \"It is not ours.\" So they"
        " looked for the boy who had lost it. He was sad, but when he saw the ball he smiled and said, \"Thank you!\"");
    std::vector<int32_t> another = tokenizer.encode(
        "Tom had a blue boat. He took it to the lake every day. The wind was strong, and the boat went far away."
        " \"Come back!\" said Tom. A kind duck heard him and pushed the boat to the shore.");
    QuantizedDivergence divergence("models/starter", another);
    ImportanceMatrix importance = measure_importance(divergence.llama(), story, {});
    const FileType& type = find_file_type("q4_k_m");
    double without = divergence.of(type), with = divergence.of(type, importance);
    EXPECT_LT(with, 0.95 * without) << without;
}

}  // namespace
}  // namespace puna
