#include "kernels/kernels.h"

#include "core/blocks.h"
#include "core/random.h"
#include "core/test_error.h"
#include "core/threads.h"
#include "kernels/cases.h"
#include "kernels/host_copy.h"
#include "kernels/testing/guarded.h"
#include "kernels/testing/tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

namespace puna {
namespace {

const Kernels& reference() { return *find_kernels("scalar"); }

using Values = std::vector<double>;

Values values_of(const Tensor& x) {
    Values list;
    if (x.dtype == Dtype::u8) return {x.as<uint8_t>(), x.as<uint8_t>() + x.count()};
    with_type(x.dtype, [&]<class T>() {
        for (T value : x.span<T>()) list.push_back(static_cast<double>(static_cast<float>(value)));
    });
    return list;
}

// Runs a case, reads its outputs and restores their initial contents.
template <class Read>
auto outputs_of(const KernelCase& c, const Kernels& kernels, Read read) {
    std::vector<std::vector<std::byte>> before;
    for (const Tensor& x : c.outputs) before.push_back(contents_of(HostCopy(kernels, {}, x).download()));
    c.run(kernels);
    std::vector<decltype(read(c.outputs[0]))> results;
    for (size_t i = 0; i < c.outputs.size(); ++i) {
        HostCopy output(kernels, {}, c.outputs[i]);
        results.push_back(read(output.download()));
        std::memcpy(output.tensor().data, before[i].data(), before[i].size());
        output.upload();
    }
    return results;
}

double max_relative_error(const Values& a, const Values& b) {
    double error = 0, size = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        error = std::max(error, std::isfinite(a[i]) && std::isfinite(b[i]) ? std::abs(a[i] - b[i]) : INFINITY);
        size = std::max(size, std::abs(b[i]));
    }
    return error / std::max(size, 1e-30);
}

void expect_match_with_scalar(const CaseSizes& sizes) {
    Arena memory(choose_kernels());
    for (const KernelCase& c : kernel_cases(sizes, memory)) {
        std::vector<Values> expected = outputs_of(c, reference(), values_of);
        for (const Kernels* table : test_tables()) {
            std::vector<Values> got = outputs_of(c, *table, values_of);
            bool exact = c.kernel == "convert" || c.kernel.ends_with("quantize") || c.kernel == "embed";
            double tolerance = exact ? 1e-12 : 3e-6;
            for (size_t i = 0; i < got.size(); ++i)
                EXPECT_LT(max_relative_error(got[i], expected[i]), tolerance)
                    << table->name << " " << c.kernel << " " << c.detail << " output " << i;
        }
    }
}

TEST(Kernels, EveryTableMatchesScalarOnOddSizes) {
    expect_match_with_scalar({});
    expect_match_with_scalar(
        {.tokens = 2, .dim = 1, .out = 1, .heads = 1, .kv_heads = 1, .head_dim = 2, .ffn = 1, .vocabulary = 2});
    expect_match_with_scalar(
        {.tokens = 71, .dim = 129, .out = 66, .heads = 4, .kv_heads = 1, .head_dim = 24, .ffn = 67, .vocabulary = 389});
}

// Of published Llamas: llama2.c's 48, GaLore's 52, 80, OpenLLaMA 3B's 100 and Falcon3's 256.
TEST(Kernels, EveryTableMatchesScalarForEveryHeadSize) {
    for (int64_t head_dim : {6, 48, 52, 80, 100, 256})
        expect_match_with_scalar({.tokens = 20,
                                  .dim = 8,
                                  .out = 8,
                                  .heads = 3,
                                  .kv_heads = 1,
                                  .head_dim = head_dim,
                                  .ffn = 8,
                                  .vocabulary = 16});
}

TEST(Kernels, EveryTableMatchesScalarOnMisalignedData) { expect_match_with_scalar({.misaligned = true}); }

TEST(Kernels, EveryTableMatchesScalarOverSeveralBlocksOfKeys) {
    expect_match_with_scalar(
        {.tokens = 150, .dim = 64, .out = 64, .heads = 4, .kv_heads = 2, .head_dim = 64, .ffn = 64, .vocabulary = 512});
    expect_match_with_scalar({.tokens = 67,
                              .dim = 600,
                              .out = 70,
                              .heads = 2,
                              .kv_heads = 1,
                              .head_dim = 128,
                              .ffn = 64,
                              .vocabulary = 64,
                              .cached = 300});
}

TEST(Kernels, EveryTableMatchesScalarOverSeveralSegmentsOfKeys) {
    expect_match_with_scalar({.tokens = 70,
                              .dim = 8,
                              .out = 8,
                              .heads = 2,
                              .kv_heads = 1,
                              .head_dim = 24,
                              .ffn = 8,
                              .vocabulary = 16,
                              .cached = 2020});
}

// The host touches no operand: any access but a kernel's would fault.
TEST(Kernels, EveryCaseRunsInTheMemoryOfADevice) {
    for (bool misaligned : {false, true}) {
        CaseSizes sizes{.misaligned = misaligned};
        Arena host(reference()), device(guarded_kernels());
        std::vector<KernelCase> expected = kernel_cases(sizes, host), cases = kernel_cases(sizes, device);
        ASSERT_EQ(cases.size(), expected.size());
        for (size_t i = 0; i < cases.size(); ++i)
            EXPECT_TRUE(outputs_of(cases[i], guarded_kernels(), contents_of) ==
                        outputs_of(expected[i], reference(), contents_of))
                << cases[i].kernel << " " << cases[i].detail;
    }
}

TEST(Kernels, ProductsOfATypeThatATableLacksAreBugs) {
    Arena memory(choose_kernels());
    Tensor x = memory.zeros({}, Dtype::f32, {2, 32}), out = memory.zeros({}, Dtype::f32, {2, 3}),
           w = memory.zeros({}, Dtype::i32, {3, 32}), dw = memory.zeros({}, Dtype::f32, {3, 32});
    std::vector<int64_t> chunk{0, 2};
    for (const Kernels* table : test_tables()) {
        EXPECT_THROW(table->matmul({}, out, x, w), Bug) << table->name;
        EXPECT_THROW(table->matmul_input_gradient({}, x, out, w), Bug) << table->name;
        EXPECT_THROW(table->matmul_weight_gradient({}, {std::span(&dw, 1), 0, chunk}, out, x, w.dtype), Bug)
            << table->name;
    }
}

// The elements of two rows of one block each.
template <class Block>
std::vector<float> dequantize(const std::array<Block, 2>& rows) {
    std::array<Block, 2> copy = rows;
    std::vector<float> values(2 * Block::size);
    reference().dequantize({}, Tensor(values.data(), Dtype::f32, {2, Block::size}),
                           Tensor(copy.data(), Block::dtype, {2, Block::size}));
    return values;
}

TEST(Kernels, DequantizedBlocksHaveTheValuesOfTheirLayout) {
    std::array<BlockQ8_0, 2> q8{};
    std::array<BlockQ4_0, 2> q4{};
    std::array<BlockQ6_K, 2> q6{};
    auto q_of = [](int i) { return (11 * i + 3 * (i / 32)) & 63; };  // for q6: differs between all parts of a block
    for (size_t r = 0; r < 2; ++r) {
        q8[r].d = q4[r].d = q6[r].d = f16(r == 0 ? 0.5f : -2.0f);
        for (int i = 0; i < 32; ++i) q8[r].q[i] = static_cast<int8_t>(8 * i - 128);
        for (int i = 0; i < 16; ++i) q4[r].low[i] = static_cast<uint8_t>(i | (15 - i) << 4);
        for (int j = 0; j < 16; ++j) q6[r].scale[j] = static_cast<int8_t>(16 * j - 128);
        for (int i = 0; i < 256; ++i) {
            int half = i / 128, l = i % 32, q = q_of(i);
            uint8_t& low = q6[r].low[64 * half + (i & 32) + l];
            low = static_cast<uint8_t>(low | (q & 15) << ((i & 64) != 0 ? 4 : 0));
            uint8_t& high = q6[r].high[32 * half + l];
            high = static_cast<uint8_t>(high | q >> 4 << 2 * (i / 32 % 4));
        }
    }
    auto expect = [](const std::vector<float>& values, auto element) {
        int size = static_cast<int>(values.size()) / 2;
        for (int i = 0; i < 2 * size; ++i) {
            float d = i < size ? 0.5f : -2.0f;
            EXPECT_EQ(values[static_cast<size_t>(i)], d * static_cast<float>(element(i % size))) << i << " of " << size;
        }
    };
    expect(dequantize(q8), [](int i) { return 8 * i - 128; });
    expect(dequantize(q4), [](int i) { return i < 16 ? i - 8 : 23 - i; });
    expect(dequantize(q6), [&](int i) { return (16 * (i / 16) - 128) * (q_of(i) - 32); });
}

// vec_portable.h computes exactly what the instructions compute, so that their layouts are tested on any machine.
TEST(Kernels, PortableVectorsAreBitIdenticalToTheInstructionSets) {
    Arena memory(choose_kernels());
    CaseSizes sizes{
        .tokens = 71, .dim = 129, .out = 66, .heads = 4, .kv_heads = 1, .head_dim = 24, .ffn = 67, .vocabulary = 389};
    std::vector<const Kernels*> portable = portable_tables();
    for (const Kernels* vectors : test_tables()) {
        if (is_portable(*vectors) || !vectors->name.starts_with("avx")) continue;
        bool pairs = vectors->extensions.find("bf16") != std::string_view::npos;
        std::string_view name = vectors->name.starts_with("avx2") ? "portable8"
                                : pairs                           ? "portable16,bf16"
                                                                  : "portable16";
        const Kernels& loops =
            **std::find_if(portable.begin(), portable.end(), [&](const Kernels* t) { return t->name == name; });
        for (const KernelCase& c : kernel_cases(sizes, memory))
            EXPECT_TRUE(outputs_of(c, loops, contents_of) == outputs_of(c, *vectors, contents_of))
                << name << " " << vectors->name << " " << c.kernel << " " << c.detail;
    }
}

TEST(Kernels, ResultsAreBitIdenticalOnAnyNumberOfThreads) {
    Arena memory(choose_kernels());
    CaseSizes sizes{.tokens = 600,
                    .dim = 136,
                    .out = 300,
                    .heads = 4,
                    .kv_heads = 2,
                    .head_dim = 32,
                    .ffn = 100,
                    .vocabulary = 200};
    std::vector<KernelCase> cases = kernel_cases(sizes, memory);
    for (const Kernels* table : test_tables())
        for (const KernelCase& c : cases) {
            set_threads(1);
            auto one = outputs_of(c, *table, contents_of);
            for (int n : is_slow(*table) ? std::vector{3} : std::vector{2, 3, 7}) {
                set_threads(n);
                EXPECT_TRUE(outputs_of(c, *table, contents_of) == one)
                    << table->name << " " << c.kernel << " " << c.detail << ", " << n << " threads";
            }
        }
    set_threads(0);
}

TEST(Kernels, AttentionIsBitIdenticalForAnyChunksOfQueries) {
    Arena memory(choose_kernels());
    Random random(4);
    AttentionShape shape{6, 2, 20};
    int64_t T = 1150, dim = 120, kv_dim = 40;  // more than one segment of keys
    Tensor q = memory.tensor(Dtype::f32, {T, dim}), k = memory.tensor(Dtype::f32, {T, kv_dim}),
           v = memory.tensor(Dtype::f32, {T, kv_dim});
    for (Tensor x : {q, k, v})
        for (float& value : x.span<float>()) value = random.normal();
    for (const Kernels* table : test_tables()) {
        Tensor all = memory.tensor(Dtype::f32, {T, dim}), part = memory.tensor(Dtype::f32, {T, dim});
        Tensor lse = memory.tensor(Dtype::f32, {T, 6});
        std::vector<AttentionSpan> whole{{0, T, T, k.as<float>(), v.as<float>()}};
        table->attention({}, all, lse, q, whole, shape);
        std::copy_n(all.row<float>(0), 1000 * dim, part.row<float>(0));
        for (int64_t chunk : {1, 7, 64, 100}) {
            for (int64_t first = 1000; first < T; first += chunk) {
                int64_t n = std::min(chunk, T - first);
                std::vector<AttentionSpan> span{{first, n, first + n, k.as<float>(), v.as<float>()}};
                table->attention({}, part, lse, q, span, shape);
            }
            EXPECT_TRUE(contents_of(part) == contents_of(all)) << table->name << " in chunks of " << chunk;
        }
    }
}

// Chunks may be distributed over calls in any way; the result approximates a plain sum.
TEST(Kernels, WeightGradientsAreBitIdenticalForAnySplitOfTheBatch) {
    Arena memory(choose_kernels());
    Random random(5);
    int64_t T = 64, O = 30, D = 70;
    Tensor x = memory.tensor(Dtype::f32, {T, D}), dout = memory.tensor(Dtype::f32, {T, O});
    for (Tensor t : {x, dout})
        for (float& value : t.span<float>()) value = random.normal();
    for (const Kernels* table : test_tables())
        for (Dtype dtype : {Dtype::f32, Dtype::bf16}) {
            auto sum_in_calls_of = [&](int64_t chunks_per_call, bool running = false) {
                std::vector<Tensor> level;
                for (int i = 0; i < 4; ++i) level.push_back(memory.tensor(Dtype::f32, {O, D}));
                for (int64_t first = 0; first < 8; first += chunks_per_call) {
                    std::vector<int64_t> chunk;
                    for (int64_t c = 0; c <= chunks_per_call; ++c) chunk.push_back((first + c) * 8);
                    table->matmul_weight_gradient({}, {level, first, chunk, running}, dout, x, dtype);
                }
                return level[running ? 0 : 3];  // eight chunks
            };
            Tensor once = sum_in_calls_of(8);
            for (int64_t n : {1, 2, 4})
                EXPECT_TRUE(contents_of(sum_in_calls_of(n)) == contents_of(once)) << table->name << " " << n;
            Tensor plain = memory.tensor(Dtype::f32, {O, D});
            std::vector<int64_t> chunk{0, T};
            reference().matmul_weight_gradient({}, {std::span(&plain, 1), 0, chunk}, dout, x, dtype);
            EXPECT_LT(max_relative_error(values_of(once), values_of(plain)), 3e-6);
            for (int64_t n : {1, 2, 8})
                EXPECT_LT(max_relative_error(values_of(sum_in_calls_of(n, true)), values_of(plain)), 3e-6)
                    << table->name << " " << n;
        }
}

// Compares directional derivatives, along a random direction: backward kernel and finite differences of the forward
// one.
class GradientCheck {
 public:
    using Forward = std::function<void(Tensor out)>;
    using Backward = std::function<std::vector<Tensor>(Tensor dout)>;  // gradients of the inputs

    explicit GradientCheck(const Kernels& kernels) : kernels_(kernels) {}
    const Kernels& k() const { return kernels_; }
    Tensor normal(std::initializer_list<int64_t> sizes, float deviation = 1) {
        Tensor x = memory_.tensor(Dtype::f32, sizes);
        for (float& value : x.span<float>()) value = random_.normal() * deviation;
        return x;
    }
    Tensor zeros(std::initializer_list<int64_t> sizes) { return memory_.zeros({}, Dtype::f32, sizes); }

    void expect_match(std::vector<Tensor> inputs, Tensor out, const Forward& forward, const Backward& backward) {
        Tensor dout = normal({out.rows(), out.columns()});
        forward(out);
        std::vector<Tensor> gradients = backward(dout);
        for (size_t i = 0; i < inputs.size(); ++i) {
            Values x = values_of(inputs[i]), direction, gradient = values_of(gradients[i]);
            double expected = 0, size = 0;
            for (double g : gradient) {
                direction.push_back(random_.normal());
                expected += g * direction.back();
                size += g * g;
            }
            auto loss_at = [&](double h) {
                for (size_t j = 0; j < x.size(); ++j)
                    inputs[i].as<float>()[j] = static_cast<float>(x[j] + h * direction[j]);
                forward(out);
                double loss = 0;
                Values o = values_of(out), d = values_of(dout);
                for (size_t j = 0; j < o.size(); ++j) loss += o[j] * d[j];
                return loss;
            };
            double h = 2e-3, slope = (8 * (loss_at(h) - loss_at(-h)) - (loss_at(2 * h) - loss_at(-2 * h))) / (12 * h);
            loss_at(0);
            EXPECT_NEAR(slope, expected, 4e-3 * std::sqrt(size)) << kernels_.name << " input " << i;
        }
    }

 private:
    const Kernels& kernels_;
    Arena memory_{choose_kernels()};
    Random random_{11};
};

template <class Test>
void with_each_table(Test test) {
    for (const Kernels* table : test_tables()) {
        GradientCheck gradient_check(*table);
        test(gradient_check);
    }
}

const std::vector<int64_t> two_chunks{0, 4, 9};

TEST(KernelGradients, MatmulMatchesFiniteDifferences) {
    with_each_table([](GradientCheck& d) {
        Tensor x = d.normal({9, 21}), w = d.normal({17, 21}), out = d.zeros({9, 17});
        d.expect_match(
            {x, w}, out, [&](Tensor o) { d.k().matmul({}, o, x, w); },
            [&](Tensor dout) {
                Tensor dx = d.zeros({9, 21}), levels[2] = {Tensor(), d.zeros({17, 21})};
                d.k().matmul_input_gradient({}, dx, dout, w);
                d.k().matmul_weight_gradient({}, {levels, 0, two_chunks}, dout, x, Dtype::f32);
                return std::vector{dx, levels[1]};
            });
    });
}

TEST(KernelGradients, RmsNormMatchesFiniteDifferences) {
    with_each_table([](GradientCheck& d) {
        Tensor x = d.normal({9, 21}), w = d.normal({21}), out = d.zeros({9, 21}), scale = d.zeros({9});
        d.expect_match(
            {x, w}, out, [&](Tensor o) { d.k().rms_norm({}, o, scale, x, w, 1e-5f); },
            [&](Tensor dout) {
                Tensor dx = d.zeros({9, 21}), levels[2] = {Tensor(), d.zeros({21})};
                d.k().rms_norm_backward({}, dx, {levels, 0, two_chunks}, dout, x, w, scale);
                return std::vector{dx, levels[1]};
            });
    });
}

TEST(KernelGradients, EmbeddingMatchesFiniteDifferences) {
    with_each_table([](GradientCheck& d) {
        std::vector<int32_t> tokens{3, 1, 3, 3, 0, 1, 6, 3, 2};
        Tensor table = d.normal({7, 21}), ids(tokens.data(), Dtype::i32, {9}), out = d.zeros({9, 21});
        d.expect_match(
            {table}, out, [&](Tensor o) { d.k().embed({}, o, table, ids); },
            [&](Tensor dout) {
                Tensor levels[2] = {Tensor(), d.zeros({7, 21})};
                d.k().embed_backward({}, {levels, 0, two_chunks}, dout, ids);
                return std::vector{levels[1]};
            });
    });
}

TEST(KernelGradients, BiasMatchesFiniteDifferences) {
    with_each_table([](GradientCheck& d) {
        Tensor x = d.normal({9, 21}), bias = d.normal({21}), out = d.zeros({9, 21});
        d.expect_match(
            {bias}, out,
            [&](Tensor o) {
                d.k().copy({}, o.data, x.data, static_cast<size_t>(x.bytes()));
                d.k().add_bias({}, o, bias);
            },
            [&](Tensor dout) {
                Tensor levels[2] = {Tensor(), d.zeros({21})};
                d.k().bias_gradient({}, {levels, 0, two_chunks}, dout);
                return std::vector{levels[1]};
            });
    });
}

TEST(KernelGradients, RopeMatchesFiniteDifferences) {
    with_each_table([](GradientCheck& d) {
        Tensor x = d.normal({9, 36}), angles = d.zeros({9, 2, 9}), frequencies = d.normal({9}), out = d.zeros({9, 36});
        std::vector<int32_t> positions{0, 1, 2, 3, 4, 5, 6, 7, 8};
        d.k().rotary_angles({}, angles, Tensor(positions.data(), Dtype::i32, {9}), frequencies, 1.25f);
        auto rotate = [&](Tensor to, Tensor from, bool inverse) {
            d.k().copy({}, to.data, from.data, static_cast<size_t>(from.bytes()));
            d.k().rope({}, to, angles, inverse);
        };
        d.expect_match(
            {x}, out, [&](Tensor o) { rotate(o, x, false); },
            [&](Tensor dout) {
                Tensor dx = d.zeros({9, 36});
                rotate(dx, dout, true);
                return std::vector{dx};
            });
    });
}

TEST(KernelGradients, AttentionMatchesFiniteDifferences) {
    with_each_table([](GradientCheck& d) {
        int64_t T = 70;
        AttentionShape shape{4, 2, 12};
        Tensor q = d.normal({T, 48}), k = d.normal({T, 24}), v = d.normal({T, 24}), out = d.zeros({T, 48}),
               lse = d.zeros({T, 4});
        std::vector<AttentionSpan> spans{{0, 66, 66, k.as<float>(), v.as<float>()},
                                         {66, 4, 4, k.row<float>(66), v.row<float>(66)}};
        d.expect_match(
            {q, k, v}, out, [&](Tensor o) { d.k().attention({}, o, lse, q, spans, shape); },
            [&](Tensor dout) {
                Tensor dq = d.zeros({T, 48}), dk = d.zeros({T, 24}), dv = d.zeros({T, 24});
                d.k().attention_backward({}, dq, dk, dv, dout, out, lse, q, spans, shape);
                return std::vector{dq, dk, dv};
            });
    });
}

TEST(KernelGradients, SwigluMatchesFiniteDifferences) {
    with_each_table([](GradientCheck& d) {
        Tensor gate = d.normal({9, 21}), up = d.normal({9, 21}), out = d.zeros({9, 21});
        d.expect_match(
            {gate, up}, out, [&](Tensor o) { d.k().swiglu({}, o, gate, up); },
            [&](Tensor dout) {
                Tensor dgate = d.zeros({9, 21}), dup = d.zeros({9, 21});
                d.k().swiglu_backward({}, dgate, dup, dout, gate, up);
                return std::vector{dgate, dup};
            });
    });
}

TEST(KernelGradients, CrossEntropyMatchesFiniteDifferences) {
    with_each_table([](GradientCheck& d) {
        std::vector<int32_t> target_ids{3, -1, 20, 0, 7};
        Tensor logits = d.normal({5, 21}), targets(target_ids.data(), Dtype::i32, {5}), loss = d.zeros({5, 1});
        Tensor gradient = d.zeros({5, 21});
        // The kernel's seed is a scalar, so the output here is the sum of losses and dout a scalar.
        Tensor total = d.zeros({1, 1});
        d.expect_match(
            {logits}, total,
            [&](Tensor o) {
                d.k().cross_entropy({}, loss, logits, targets);
                o.as<float>()[0] = 0;
                for (float value : loss.span<float>()) o.as<float>()[0] += value;
            },
            [&](Tensor dout) {
                d.k().copy({}, gradient.data, logits.data, static_cast<size_t>(logits.bytes()));
                d.k().cross_entropy_backward({}, loss, gradient, targets, dout.as<float>()[0]);
                return std::vector{gradient};
            });
    });
}

TEST(Kernels, FrozenRmsNormGivesTheSameInputGradient) {
    EXPECT_EQ(TreeSum{}.chunks(), 0);
    for (const Kernels* table : test_tables()) {
        GradientCheck d(*table);
        Tensor x = d.normal({9, 21}), w = d.normal({21}), dout = d.normal({9, 21}), out = d.zeros({9, 21}),
               scale = d.zeros({9});
        Tensor dx = d.zeros({9, 21}), frozen_dx = d.zeros({9, 21}), levels[2] = {Tensor(), d.zeros({21})};
        table->rms_norm({}, out, scale, x, w, 1e-5f);
        table->rms_norm_backward({}, dx, {levels, 0, two_chunks}, dout, x, w, scale);
        table->rms_norm_backward({}, frozen_dx, {}, dout, x, w, scale);
        EXPECT_TRUE(contents_of(frozen_dx) == contents_of(dx)) << table->name;
    }
}

TEST(Kernels, LossOfNanLogitsIsNan) {
    for (const Kernels* table : test_tables()) {
        std::vector<float> logits(40, 1.0f), loss(1);
        std::vector<int32_t> target{3};
        logits[33] = NAN;
        table->cross_entropy({}, Tensor(loss.data(), Dtype::f32, {1}), Tensor(logits.data(), Dtype::f32, {1, 40}),
                             Tensor(target.data(), Dtype::i32, {1}));
        EXPECT_TRUE(std::isnan(loss[0])) << table->name;
    }
}

// "matmul" of "matmul bf16"
std::string_view function_of(const KernelOrigin& origin) { return origin.kernel.substr(0, origin.kernel.find(' ')); }

TEST(Kernels, UnknownTableInTheEnvironmentIsAUsageError) {
    const char* set = std::getenv("PUNA_KERNELS");
    std::string before = set ? set : "";
    ::setenv("PUNA_KERNELS", "gpu", 1);
    EXPECT_EQ(error_kind_of([] { choose_kernels(); }), ErrorKind::usage);
    set ? ::setenv("PUNA_KERNELS", before.c_str(), 1) : ::unsetenv("PUNA_KERNELS");
}

TEST(Kernels, FastTablesImplementAllExpensiveKernels) {
    std::set<std::string_view> expensive{"matmul",
                                         "matmul_input_gradient",
                                         "matmul_weight_gradient",
                                         "attention",
                                         "attention_backward",
                                         "rms_norm",
                                         "rms_norm_backward",
                                         "rope",
                                         "softmax",
                                         "swiglu",
                                         "swiglu_backward",
                                         "dequantize",
                                         "quantize",
                                         "cross_entropy",
                                         "cross_entropy_backward",
                                         "adamw"};
    for (const Kernels* table : test_tables()) {
        for (const KernelOrigin& origin : kernel_origins(*table)) {
            if (expensive.contains(function_of(origin))) {
                EXPECT_EQ(origin.table, table->name) << origin.kernel;
            }
        }
    }
}

// Utilization must be relative to the peak of the table's own instruction set.
TEST(Kernels, EveryTableHasItsOwnProbes) {
    std::span<const Kernels* const> tables = available_kernels();
    for (const Kernels* table : tables) {
        EXPECT_TRUE(table->probes.int8 && table->probes.int4 && table->probes.read) << table->name;
        for (const Kernels* other : tables) {
            if (other == table) continue;
            EXPECT_NE(table->probes.f32, other->probes.f32) << table->name << " and " << other->name;
            EXPECT_NE(table->probes.int8, other->probes.int8) << table->name << " and " << other->name;
        }
    }
}

TEST(Kernels, EveryKernelOfTheTableHasACase) {
    Arena memory(choose_kernels());
    std::set<std::string> covered;
    for (const KernelCase& c : kernel_cases({}, memory)) covered.insert(c.kernel);
    for (const KernelOrigin& origin : kernel_origins(reference()))
        EXPECT_TRUE(covered.contains(std::string(function_of(origin)))) << origin.kernel;
}

}  // namespace
}  // namespace puna
