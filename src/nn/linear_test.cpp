#include "nn/linear.h"

#include "core/random.h"
#include "kernels/testing/tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace puna {
namespace {

constexpr int64_t T = 9, in = 10, out = 8, rank = 3;
constexpr float step = 1.0f / 32;  // multiples of this below 8 are exact in bf16

// An 8 x 10 layer, trainable in f32 or frozen in another dtype, with two trainable LoRA adapters.
class LoraLayer {
 public:
    explicit LoraLayer(Dtype dtype = Dtype::f32) {
        layer_.weight = param("w", {out, in});
        if (dtype != Dtype::f32) freeze_as(dtype);
        layer_.adapters.push_back({param("a0", {rank, in}), param("b0", {out, rank}), 0.7f});
        layer_.adapters.push_back({param("a1", {rank, in}), param("b1", {out, rank}), -1.5f});
    }

    Linear& layer() { return layer_; }
    int64_t gradient_elements() const { return gradient_elements_; }
    Tensor normal(std::initializer_list<int64_t> sizes) {  // multiples of step
        Tensor x = arena_.tensor(Dtype::f32, sizes);
        for (float& value : x.span<float>())
            value = std::clamp(std::round(random_.normal() / step) * step, -4.0f, 4.0f);
        return x;
    }

 private:
    Param param(std::string name, std::initializer_list<int64_t> sizes) {
        Param p{.name = std::move(name), .weight = normal(sizes)};
        p.master = p.weight;
        p.offset = gradient_elements_;
        gradient_elements_ += p.weight.count();
        return p;
    }
    void freeze_as(Dtype dtype) {
        Tensor narrow = arena_.tensor(dtype, {out, in});
        choose_kernels().convert({}, narrow, layer_.weight.weight);
        layer_.weight.weight = narrow;
        layer_.weight.offset = -1;
    }

    Arena arena_{choose_kernels()};
    Random random_{3};
    int64_t gradient_elements_ = 0;
    Linear layer_;
};

// Three sequences: the first without an adapter, then adapters 1 and 0.
Batch three_sequences() {
    Batch batch;
    batch.tokens.assign(T, 0);
    batch.sequences = {
        {.first = 0, .n = 2, .adapter = -1}, {.first = 2, .n = 4, .adapter = 1}, {.first = 6, .n = 3, .adapter = 0}};
    batch.chunk = {0, T};
    return batch;
}

template <class Test>
void with_each_table_and_base(Test test) {
    for (const Kernels* table : test_tables())
        for (Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::f16}) {
            SCOPED_TRACE(fmt::format("{}, base {}", table->name, info(dtype).name));
            test(*table, dtype);
        }
}

TEST(Linear, AdapterChangesOnlyTheRowsThatSelectIt) {
    with_each_table_and_base([](const Kernels& table, Dtype dtype) {
        LoraLayer lora(dtype);
        Batch batch = three_sequences();
        Tensor x = lora.normal({T, in});
        Pass adapted(table), plain(table);
        adapted.begin(batch);
        Tensor with = lora.layer()(adapted, adapted.value(x)).data;
        for (Sequence& sequence : batch.sequences) sequence.adapter = -1;
        plain.begin(batch);
        Tensor without = lora.layer()(plain, plain.value(x)).data;
        for (int64_t t = 0; t < T; ++t)
            for (int64_t o = 0; o < out; ++o) {
                double change = 0;
                const Lora& pair = lora.layer().adapters[t < 6 ? 1 : 0];
                for (int64_t r = 0; r < rank; ++r) {
                    double down = 0;
                    for (int64_t d = 0; d < in; ++d)
                        down += static_cast<double>(x.row<float>(t)[d]) *
                                static_cast<double>(pair.a.weight.row<float>(r)[d]);
                    change +=
                        down * static_cast<double>(pair.b.weight.row<float>(o)[r]) * static_cast<double>(pair.scale);
                }
                if (t < 2)
                    EXPECT_EQ(with.row<float>(t)[o], without.row<float>(t)[o]) << t;
                else
                    EXPECT_NEAR(with.row<float>(t)[o], static_cast<double>(without.row<float>(t)[o]) + change, 1e-4)
                        << t;
            }
    });
}

// The layer is linear in each parameter, and inputs on the grid are not rounded: finite differences are exact.
TEST(Linear, AdapterGradientsMatchFiniteDifferences) {
    with_each_table_and_base([](const Kernels& table, Dtype dtype) {
        LoraLayer lora(dtype);
        Batch batch = three_sequences();
        Tensor x = lora.normal({T, in}), dout = lora.normal({T, out});
        auto loss = [&] {
            Pass pass(table);
            pass.begin(batch);
            Tensor y = lora.layer()(pass, pass.value(x)).data;
            double sum = 0;
            for (int64_t i = 0; i < y.count(); ++i)
                sum += static_cast<double>(y.as<float>()[i]) * static_cast<double>(dout.as<float>()[i]);
            return sum;
        };
        Gradients gradients(choose_kernels(), lora.gradient_elements(), {});
        Pass pass(table, &gradients);
        pass.begin(batch);
        Value input = pass.value(x), y = lora.layer()(pass, input);
        pass.set_gradient(y, dout);
        pass.backward();
        Tensor dx = pass.gradient(input);
        gradients.advance(1);
        std::span<float> sums = gradients.finish().span<float>();
        auto expect_slopes = [&](Tensor parameters, const float* gradient) {
            for (float& parameter : parameters.span<float>()) {
                float original = parameter;
                parameter = original + step;
                double up = loss();
                parameter = original - step;
                double down = loss();
                parameter = original;
                EXPECT_NEAR((up - down) / (2 * step), *gradient, 1e-3 * (1 + std::abs(*gradient)));
                ++gradient;
            }
        };
        for (Lora& pair : lora.layer().adapters)
            for (Param* p : {&pair.a, &pair.b}) expect_slopes(p->weight, sums.data() + p->offset);
        expect_slopes(x, dx.as<float>());
    });
}

int64_t rows_multiplied = 0;
void (*real_matmul)(Stream, Tensor, Tensor, Tensor) = nullptr;
void counting_matmul(Stream stream, Tensor y, Tensor x, Tensor w) {
    rows_multiplied += x.rows();
    real_matmul(stream, y, x, w);
}

TEST(Linear, AdapterComputesOnlyItsOwnRows) {
    LoraLayer lora;
    Kernels counting = choose_kernels();
    real_matmul = std::exchange(counting.products[Dtype::f32].matmul, counting_matmul);
    Pass pass(counting);
    pass.begin(three_sequences());
    rows_multiplied = 0;
    lora.layer()(pass, pass.value(lora.normal({T, in})));
    EXPECT_EQ(rows_multiplied, T + 2 * 4 + 2 * 3);  // all rows by the weight; 4 and 3 by a and b of their adapters
}

TEST(Linear, RowsOfOneAdapterNeedNotBeContiguous) {
    LoraLayer lora;
    Tensor x = lora.normal({T, in});
    Batch separate = three_sequences(), contiguous = three_sequences();
    separate.sequences = {
        {.first = 0, .n = 2, .adapter = 1}, {.first = 2, .n = 4, .adapter = 0}, {.first = 6, .n = 3, .adapter = 1}};
    contiguous.sequences = {{.first = 0, .n = 9, .adapter = 1}};
    Pass some_rows(choose_kernels()), all_rows(choose_kernels());
    some_rows.begin(separate);
    all_rows.begin(contiguous);
    Tensor some = lora.layer()(some_rows, some_rows.value(x)).data,
           all = lora.layer()(all_rows, all_rows.value(x)).data;
    for (int64_t t : {0, 1, 6, 7, 8})
        for (int64_t o = 0; o < out; ++o) EXPECT_EQ(some.row<float>(t)[o], all.row<float>(t)[o]) << t;
}

TEST(Linear, SelectedRowsUseTheAdaptersOfTheirSequences) {
    LoraLayer lora;
    Tensor x = lora.normal({T, in});
    Pass pass(choose_kernels());
    pass.begin(three_sequences());
    Tensor all = lora.layer()(pass, pass.value(x)).data;
    std::vector<int64_t> rows{1, 2, 5, 8};
    Value selected = pass.empty({4, in});
    for (int64_t i = 0; i < 4; ++i)
        std::copy_n(x.row<float>(rows[static_cast<size_t>(i)]), in, selected.data.row<float>(i));
    Tensor some = lora.layer()(pass, selected, rows).data;
    for (int64_t i = 0; i < 4; ++i)
        for (int64_t o = 0; o < out; ++o)
            EXPECT_EQ(some.row<float>(i)[o], all.row<float>(rows[static_cast<size_t>(i)])[o]) << i;
}

TEST(Linear, UnusedAdapterHasAZeroGradient) {
    for (const Kernels* table : test_tables()) {
        LoraLayer lora;
        Batch batch = three_sequences();
        Gradients gradients(choose_kernels(), lora.gradient_elements(), {.chunks_per_pass = 1, .chunks_per_step = 1});
        for (int adapter : {0, -1}) {  // the second step must not see the first one's gradient
            for (Sequence& s : batch.sequences) s.adapter = adapter;
            Pass pass(*table, &gradients);
            pass.begin(batch);
            Value y = lora.layer()(pass, pass.value(lora.normal({T, in})));
            pass.set_gradient(y, lora.normal({T, out}));
            pass.backward();
            gradients.advance(1);
            std::span<float> sums = gradients.finish().span<float>();
            auto max_abs = [&](const Param& p) {
                float value = 0;
                for (int64_t i = 0; i < p.weight.count(); ++i)
                    value = std::max(value, std::abs(sums[static_cast<size_t>(p.offset + i)]));
                return value;
            };
            EXPECT_EQ(max_abs(lora.layer().adapters[0].a) > 0, adapter == 0) << table->name;
            EXPECT_EQ(max_abs(lora.layer().adapters[0].b) > 0, adapter == 0) << table->name;
            EXPECT_EQ(max_abs(lora.layer().adapters[1].a), 0) << table->name;
        }
    }
}

TEST(Linear, FrozenWeightHasNoGradientButItsAdaptersDo) {
    LoraLayer lora;
    lora.layer().weight.offset = -1;
    Gradients gradients(choose_kernels(), lora.gradient_elements(), {});
    Pass pass(choose_kernels(), &gradients);
    pass.begin(three_sequences());
    Value y = lora.layer()(pass, pass.value(lora.normal({T, in})));
    pass.set_gradient(y, lora.normal({T, out}));
    EXPECT_NO_THROW(pass.backward());
    gradients.advance(1);
    std::span<float> sums = gradients.finish().span<float>();
    float max_abs = 0;
    for (int64_t i = 0; i < lora.layer().adapters[0].b.weight.count(); ++i)
        max_abs = std::max(max_abs, std::abs(sums[static_cast<size_t>(lora.layer().adapters[0].b.offset + i)]));
    EXPECT_GT(max_abs, 0);
}

TEST(Linear, AdapterIndexOutOfRangeIsABug) {
    LoraLayer lora;
    Batch batch = three_sequences();
    batch.sequences[1].adapter = 2;
    Pass pass(choose_kernels());
    pass.begin(batch);
    Value x = pass.value(lora.normal({T, in}));
    EXPECT_THROW(lora.layer()(pass, x), Bug);
    lora.layer().adapters.clear();  // a layer may have no adapters
    EXPECT_NO_THROW(lora.layer()(pass, x));
}

}  // namespace
}  // namespace puna
