#include "nn/ops.h"

#include "core/random.h"
#include "kernels/testing/tables.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

namespace puna {
namespace {

constexpr int64_t T = 11, D = 24, V = 37;

std::vector<float> values_of(const Tensor& x) {
    std::span<float> values = x.span<float>();
    return {values.begin(), values.end()};
}

// Hidden states of eleven tokens in two chunks, a trainable head and the targets.
class Head {
 public:
    explicit Head(Dtype dtype = Dtype::f32) {
        x = arena_.tensor(Dtype::f32, {T, D});
        head.weight = arena_.tensor(dtype, {V, D});
        head.offset = 0;
        for (float& value : x.span<float>()) value = random_.normal();
        with_type(dtype, [&]<class W>() {
            for (W& value : head.weight.span<W>()) value = W(random_.normal());
        });
        batch.targets = {3, -1, 36, 0, 7, 7, 12, -1, 30, 1, 2};
        batch.tokens.assign(T, 0);
        batch.chunk = {0, 4, T};
    }
    Tensor zeros(std::initializer_list<int64_t> sizes) { return arena_.zeros({}, Dtype::f32, sizes); }

    Tensor x;
    Param head;
    Batch batch;

 private:
    Arena arena_{choose_kernels()};
    Random random_{9};
};

TEST(HeadLoss, IsBitIdenticalToTheLossOfFullLogits) {
    for (const Kernels* table : test_tables())
        for (Dtype dtype : {Dtype::f32, Dtype::bf16}) {
            SCOPED_TRACE(fmt::format("{}, head {}", table->name, info(dtype).name));
            Head h(dtype);
            Tensor logits = h.zeros({T, V}), loss = h.zeros({T}), dx = h.zeros({T, D}),
                   targets(h.batch.targets.data(), Dtype::i32, {T});
            Tensor levels[2] = {h.zeros({V, D}), h.zeros({V, D})};
            table->matmul({}, logits, h.x, h.head.weight);
            table->cross_entropy_backward({}, loss, logits, targets, 0.25f);
            table->matmul_input_gradient({}, dx, logits, h.head.weight);
            table->matmul_weight_gradient({}, {levels, 0, h.batch.chunk}, logits, h.x, dtype);
            std::vector<float> losses = values_of(loss);
            std::vector<double> sums{std::accumulate(losses.begin(), losses.begin() + 4, 0.0),
                                     std::accumulate(losses.begin() + 4, losses.end(), 0.0)};

            Gradients gradients(choose_kernels(), V * D, {.chunks_per_pass = 2, .chunks_per_step = 2}, &h.head);
            Pass training(*table, &gradients), inference(*table);
            training.begin(h.batch);
            inference.begin(h.batch);
            Value x = training.value(h.x);
            EXPECT_EQ(head_loss(training, x, h.head, 0.25f), sums);
            EXPECT_EQ(head_loss(inference, inference.value(h.x), h.head, 1), sums);
            training.backward();
            EXPECT_EQ(values_of(training.gradient(x)), values_of(dx));
            gradients.advance(2);
            std::span<float> sum = gradients.finish().span<float>();
            EXPECT_EQ(std::vector<float>(sum.begin(), sum.end()), values_of(levels[1]));
        }
}

TEST(HeadLoss, FrozenHeadStillPropagatesTheInputGradient) {
    Head trained, frozen;
    frozen.head.offset = -1;
    std::vector<std::vector<float>> input_gradients;
    for (Head* h : {&trained, &frozen}) {
        Gradients gradients(choose_kernels(), V * D, {.chunks_per_pass = 2, .chunks_per_step = 2}, &h->head);
        Pass pass(choose_kernels(), &gradients);
        pass.begin(h->batch);
        Value x = pass.value(h->x);
        head_loss(pass, x, h->head, 1);
        pass.backward();
        input_gradients.push_back(values_of(pass.gradient(x)));
    }
    EXPECT_EQ(input_gradients[1], input_gradients[0]);
}

TEST(Ops, FrozenNormStillPropagatesTheInputGradient) {
    std::vector<std::vector<float>> input_gradients;
    for (int64_t offset : {0, -1}) {
        Head h;
        Param norm{.name = "norm", .weight = h.x.slice(0, 1).reshape({D}), .offset = offset};
        Gradients gradients(choose_kernels(), D, {.chunks_per_pass = 2, .chunks_per_step = 2});
        Pass pass(choose_kernels(), &gradients);
        pass.begin(h.batch);
        Value x = pass.value(h.x), y = rms_norm(pass, x, norm, 1e-5f);
        pass.set_gradient(y, h.x);
        pass.backward();
        input_gradients.push_back(values_of(pass.gradient(x)));
    }
    EXPECT_EQ(input_gradients[1], input_gradients[0]);
}

TEST(Ops, AddReusesTheMemoryOfTheChangeAndPropagatesToBoth) {
    Head h;
    Gradients gradients(choose_kernels(), 1, {});
    Pass pass(choose_kernels(), &gradients);
    Value x = pass.value(h.x), change = pass.empty({T, D});
    std::memcpy(change.data.data, h.x.data, static_cast<size_t>(h.x.bytes()));
    Value y = add(pass, x, change);
    EXPECT_EQ(y.data.data, change.data.data);
    EXPECT_EQ(y.data.as<float>()[5], 2 * h.x.as<float>()[5]);
    pass.set_gradient(y, h.x);
    pass.backward();
    EXPECT_EQ(values_of(pass.gradient(x)), values_of(h.x));
    EXPECT_EQ(values_of(pass.gradient(change)), values_of(h.x));
}

// Like the gradients: adjacent pairs first, an odd one last.
TEST(Ops, ChunkLossesAreSummedPairwise) {
    double tiny = 0x1p-53;
    EXPECT_EQ(tree_sum({1, tiny, tiny, tiny}), 1 + 2 * tiny);  // a sequential sum would lose all three
    EXPECT_EQ(tree_sum({1, 2, 3, 4, 5}), 15);
    EXPECT_EQ(tree_sum({3}), 3);
    EXPECT_EQ(tree_sum({}), 0);
}

}  // namespace
}  // namespace puna
