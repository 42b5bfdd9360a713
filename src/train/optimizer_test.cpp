#include "train/optimizer.h"

#include "model/load.h"
#include "model/test_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace puna {
namespace {

Llama small_llama(bool tied) {
    return seeded_llama(choose_kernels(), small_config(tied), 5, {.dtype = Dtype::f32, .trainable = true});
}

std::vector<float> values_of(const Param& param) {
    std::span<float> span = param.master.span<float>();
    return {span.begin(), span.end()};
}

std::vector<float> gradients_of(Llama& llama, float value) {
    return std::vector<float>(static_cast<size_t>(gradient_elements(llama)), value);
}

Tensor tensor_of(std::vector<float>& values) {
    return {values.data(), Dtype::f32, {static_cast<int64_t>(values.size())}};
}

// The first Adam step is the learning rate times the gradient's sign, independent of its magnitude.
TEST(Optimizer, DecaysMatricesAndNotNorms) {
    for (DecayedWeights decay : {DecayedWeights::matrices, DecayedWeights::all}) {
        Llama llama = small_llama(false);
        std::vector<float> matrix = values_of(llama.layers[0].w1.weight), norm = values_of(llama.norm),
                           gradients = gradients_of(llama, 0.5f);
        Optimizer optimizer(llama, {.weight_decay = 0.1f, .clip = 0, .decay = decay});
        optimizer.step(llama, tensor_of(gradients), 0.01);
        bool all = decay == DecayedWeights::all;
        std::vector<float> now = values_of(llama.layers[0].w1.weight);
        for (size_t i = 0; i < now.size(); ++i) EXPECT_NEAR(now[i], matrix[i] * (1 - 0.01f * 0.1f) - 0.01f, 1e-6);
        now = values_of(llama.norm);
        for (size_t i = 0; i < now.size(); ++i)
            EXPECT_NEAR(now[i], norm[i] * (all ? 1 - 0.01f * 0.1f : 1.0f) - 0.01f, 1e-6);
    }
}

TEST(Optimizer, ClipsByTheGlobalNormAndReturnsTheUnclippedNorm) {
    Llama llama = small_llama(false);
    std::vector<float> gradients = gradients_of(llama, 0.5f);
    double norm = 0.5 * std::sqrt(static_cast<double>(gradients.size()));
    Optimizer optimizer(llama, {.clip = 1});
    EXPECT_NEAR(optimizer.step(llama, tensor_of(gradients), 0.01), norm, 1e-4);
    EXPECT_NEAR(optimizer.mean(llama.norm).as<float>()[0], 0.1 * 0.5 / norm, 1e-6);
    EXPECT_NEAR(optimizer.mean_square(llama.norm).as<float>()[0], 0.05 * 0.25 / (norm * norm), 1e-8);
}

TEST(Optimizer, SkipsTheUpdateIfAGradientIsNaN) {
    Llama llama = small_llama(false);
    std::vector<float> before = values_of(llama.output.weight), gradients = gradients_of(llama, 0.5f);
    gradients[3] = std::numeric_limits<float>::quiet_NaN();
    Optimizer optimizer(llama, {});
    EXPECT_TRUE(std::isnan(optimizer.step(llama, tensor_of(gradients), 0.01)));
    EXPECT_EQ(optimizer.steps, 0);
    EXPECT_EQ(values_of(llama.output.weight), before);
    EXPECT_EQ(optimizer.mean(llama.norm).as<float>()[0], 0);
}

TEST(Optimizer, TiedEmbeddingsSumBothGradients) {
    Llama llama = small_llama(true);
    std::vector<float> gradients = gradients_of(llama, 0);
    gradients[static_cast<size_t>(llama.tok_embeddings.offset)] = 2;
    gradients[static_cast<size_t>(llama.output.weight.offset)] = 3;
    Optimizer optimizer(llama, {.clip = 0});
    optimizer.step(llama, tensor_of(gradients), 0.01);
    EXPECT_NEAR(optimizer.mean(llama.tok_embeddings).as<float>()[0], 0.1 * 5, 1e-6);
}

}  // namespace
}  // namespace puna
