#include "nn/linear.h"

#include "core/random.h"

#include <gtest/gtest.h>

#include <cmath>

namespace puna {
namespace {

constexpr int64_t T = 6, in = 10, out = 8, rank = 3;

// A layer of 8 x 10 with one LoRA pair, everything trainable, and room for its gradients.
class LoraLayer {
 public:
    LoraLayer() {
        layer_.weight = param("w", {out, in});
        layer_.pairs.push_back({param("a", {rank, in}), param("b", {out, rank}), 0.7f});
    }

    Linear& layer() { return layer_; }
    Arena& arena() { return arena_; }
    int64_t numbers() const { return numbers_; }
    Tensor normal(std::initializer_list<int64_t> sizes) {
        Tensor x = arena_.tensor(Dtype::f32, sizes);
        for (float& value : x.span<float>()) value = random_.normal();
        return x;
    }

 private:
    Param param(std::string name, std::initializer_list<int64_t> sizes) {
        Param p{.name = std::move(name), .weight = normal(sizes)};
        p.master = p.weight;
        p.offset = numbers_;
        numbers_ += p.weight.count();
        return p;
    }

    Arena arena_;
    Random random_{3};
    int64_t numbers_ = 0;
    Linear layer_;
};

// Two sequences: the first without an adapter, the second with adapter 0.
Batch two_sequences() {
    Batch batch;
    batch.tokens.assign(T, 0);
    batch.sequences = {{.first = 0, .n = 2, .adapter = -1}, {.first = 2, .n = 4, .adapter = 0}};
    batch.chunk = {0, T};
    return batch;
}

TEST(Linear, AnAdapterChangesOnlyTheRowsThatNameIt) {
    LoraLayer lora;
    Batch batch = two_sequences();
    Tensor x = lora.normal({T, in});
    Pass pass(choose_kernels());
    std::vector<float> with;
    for (float value : lora.layer()(pass, pass.value(x), batch).data.span<float>()) with.push_back(value);
    for (Sequence& sequence : batch.sequences) sequence.adapter = -1;
    Tensor without = lora.layer()(pass, pass.value(x), batch).data;
    for (int64_t i = 0; i < 2 * out; ++i) EXPECT_EQ(with[static_cast<size_t>(i)], without.as<float>()[i]) << i;
    const Lora& pair = lora.layer().pairs[0];
    for (int64_t t = 2; t < T; ++t)
        for (int64_t o = 0; o < out; ++o) {
            double change = 0;
            for (int64_t r = 0; r < rank; ++r) {
                double down = 0;
                for (int64_t d = 0; d < in; ++d) down += static_cast<double>(x.row<float>(t)[d]) * static_cast<double>(pair.a.weight.row<float>(r)[d]);
                change += down * static_cast<double>(pair.b.weight.row<float>(o)[r]);
            }
            EXPECT_NEAR(with[static_cast<size_t>(t * out + o)], static_cast<double>(without.row<float>(t)[o]) + 0.7 * change, 1e-4);
        }
}

TEST(Linear, GradientsOfItsPairsMatchDifferences) {
    LoraLayer lora;
    Batch batch = two_sequences();
    Tensor x = lora.normal({T, in}), dout = lora.normal({T, out});
    auto loss = [&] {
        Pass pass(choose_kernels());
        Tensor y = lora.layer()(pass, pass.value(x), batch).data;
        double sum = 0;
        for (int64_t i = 0; i < y.count(); ++i) sum += static_cast<double>(y.as<float>()[i]) * static_cast<double>(dout.as<float>()[i]);
        return sum;
    };
    Gradients gradients(lora.numbers(), {});
    Pass pass(choose_kernels(), &gradients);
    Value input = pass.value(x), y = lora.layer()(pass, input, batch);
    pass.set_gradient(y, dout);
    pass.backward();
    Tensor dx = pass.gradient(input);
    gradients.advance(1);
    std::span<float> sums = gradients.finish();
    auto expect_slope = [&](Tensor numbers, int64_t i, float gradient) {
        float* number = numbers.as<float>() + i;
        float before = *number;
        *number = before + 0.01f;
        double up = loss();
        *number = before - 0.01f;
        double down = loss();
        *number = before;
        EXPECT_NEAR((up - down) / 0.02, gradient, 2e-3 * (1 + std::abs(gradient)));
    };
    Lora& pair = lora.layer().pairs[0];
    for (int64_t i = 0; i < pair.a.weight.count(); ++i) expect_slope(pair.a.weight, i, sums[static_cast<size_t>(pair.a.offset + i)]);
    for (int64_t i = 0; i < pair.b.weight.count(); ++i) expect_slope(pair.b.weight, i, sums[static_cast<size_t>(pair.b.offset + i)]);
    for (int64_t i = 0; i < x.count(); ++i) expect_slope(x, i, dx.as<float>()[i]);
}

TEST(Linear, AFrozenWeightHasNoGradientButItsPairsHave) {
    LoraLayer lora;
    lora.layer().weight.offset = -1;
    Batch batch = two_sequences();
    Gradients gradients(lora.numbers(), {});
    Pass pass(choose_kernels(), &gradients);
    Value y = lora.layer()(pass, pass.value(lora.normal({T, in})), batch);
    pass.set_gradient(y, lora.normal({T, out}));
    EXPECT_NO_THROW(pass.backward());
    gradients.advance(1);
    std::span<float> sums = gradients.finish();
    float largest = 0;
    for (int64_t i = 0; i < lora.layer().pairs[0].b.weight.count(); ++i)
        largest = std::max(largest, std::abs(sums[static_cast<size_t>(lora.layer().pairs[0].b.offset + i)]));
    EXPECT_GT(largest, 0);
}

}  // namespace
}  // namespace puna
