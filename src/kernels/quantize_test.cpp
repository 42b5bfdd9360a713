// What quantizing loses, for every block type. That all tables compute the same bits is tested with the other kernels.
#include "core/random.h"
#include "kernels/arena.h"
#include "kernels/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

namespace puna {
namespace {

class Quantize : public testing::Test {
 protected:
    static constexpr int64_t rows = 8, columns = 1024;

    Tensor filled(const std::function<float(int64_t i)>& value) {
        Tensor x = memory_.tensor(Dtype::f32, {rows, columns});
        for (int64_t i = 0; i < x.count(); ++i) x.as<float>()[i] = value(i);
        return x;
    }
    Tensor normal(float deviation = 1) {
        return filled([&](int64_t) { return deviation * random_.normal(); });
    }
    Tensor quantized_values(Dtype dtype, Tensor x, Tensor importance = {}) {
        Tensor blocks = memory_.tensor(dtype, {rows, columns}), values = memory_.tensor(Dtype::f32, {rows, columns});
        kernels_.quantize({}, blocks, x, importance);
        kernels_.dequantize({}, values, blocks);
        return values;
    }
    // The root of the mean squared error relative to that of x, of the columns that are counted.
    static double relative_error(Tensor y, Tensor x, const std::function<bool(int64_t column)>& counts = {}) {
        double error = 0, size = 0;
        for (int64_t i = 0; i < x.count(); ++i) {
            if (counts && !counts(i % columns)) continue;
            double value = x.as<float>()[i], difference = y.as<float>()[i] - value;
            error += difference * difference;
            size += value * value;
        }
        return std::sqrt(error / size);
    }

    const Kernels& kernels_ = *available_kernels().front();
    Arena memory_{kernels_};
    Random random_{3};
};

// Of normally distributed values; the theoretical optimum of b bits with one scale for all is 0.342 (2 bits), 0.186,
// 0.0975, 0.0499, 0.0253 (6 bits) (Max 1960).
TEST_F(Quantize, TheErrorIsThatOfTheBits) {
    const std::map<Dtype, double> limits{{Dtype::q8_0, 0.0055},   {Dtype::q6_K, 0.0175},  {Dtype::q5_K, 0.0365},
                                         {Dtype::q5_1, 0.0355},   {Dtype::q5_0, 0.0415},  {Dtype::q4_K, 0.0775},
                                         {Dtype::q4_1, 0.077},    {Dtype::q4_0, 0.0865},  {Dtype::iq4_nl, 0.0775},
                                         {Dtype::iq4_xs, 0.0785}, {Dtype::q3_K, 0.158},   {Dtype::q2_K, 0.277},
                                         {Dtype::iq3_s, 0.1365},  {Dtype::iq3_xxs, 0.19}, {Dtype::iq2_s, 0.252},
                                         {Dtype::iq2_xs, 0.31},   {Dtype::iq2_xxs, 0.34}};
    Tensor x = normal();
    for (const DtypeInfo& type : block_types) {
        double error = relative_error(quantized_values(type.dtype, x), x);
        EXPECT_LT(error, limits.at(type.dtype)) << type.name;
        EXPECT_GT(error, 0.9 * limits.at(type.dtype)) << type.name << ": a tighter limit holds";
    }
}

TEST_F(Quantize, ImportantColumnsHaveSmallerErrors) {
    auto important = [](int64_t column) { return column % 8 == 3; };
    Tensor x = normal(), importance = memory_.tensor(Dtype::f32, {columns});
    for (int64_t c = 0; c < columns; ++c) importance.as<float>()[c] = important(c) ? 100 : 1;
    for (const DtypeInfo& type : block_types) {
        if (type.dtype == Dtype::q8_0) continue;  // its one scale leaves no choice
        double alike = relative_error(quantized_values(type.dtype, x), x, important),
               weighted = relative_error(quantized_values(type.dtype, x, importance), x, important);
        EXPECT_LT(weighted, 0.95 * alike) << type.name;
    }
}

// But of types with a grid, whose points are those that normally distributed magnitudes come near to. The table of IQ4
// is not symmetric.
TEST_F(Quantize, WeightsOfOneMagnitudeAreAlmostExact) {
    for (const DtypeInfo& type : block_types)
        for (float magnitude : {0.25f, 2048.0f, 65504.0f})
            for (int negative : {0, 2, 4}) {  // of four
                Tensor x = filled([&](int64_t i) { return i % 4 < negative ? -magnitude : magnitude; });
                double limit = type.name.starts_with("iq2") ? 0.35 : type.name.starts_with("iq3") ? 0.2 : 0.042;
                EXPECT_LT(relative_error(quantized_values(type.dtype, x), x), limit)
                    << type.name << " " << magnitude << " " << negative;
            }
}

TEST_F(Quantize, ZerosStayZeros) {
    Tensor x = filled([](int64_t) { return 0.0f; });
    for (const DtypeInfo& type : block_types)
        for (float value : quantized_values(type.dtype, x).span<float>()) ASSERT_EQ(value, 0) << type.name;
}

// The smallest f16 is 2^-24: below it scales are zeros, and no value may become another one than zero for that.
TEST_F(Quantize, TinyWeightsBecomeZeros) {
    for (float deviation : {1e-9f, 1e-30f, 1e-40f}) {
        Tensor x = normal(deviation);
        for (const DtypeInfo& type : block_types)
            for (float value : quantized_values(type.dtype, x).span<float>())
                ASSERT_LE(std::abs(value), 4 * deviation) << type.name << " " << deviation;
    }
}

TEST_F(Quantize, AnOutlierCostsItsOwnBlockOnly) {
    Tensor x = normal();
    x.as<float>()[5 * columns + 300] = 1000;
    auto others = [](int64_t column) { return column / 256 != 1; };
    Tensor without = normal();
    std::copy_n(x.as<float>(), x.count(), without.as<float>());
    without.as<float>()[5 * columns + 300] = 1;
    for (const DtypeInfo& type : block_types)
        EXPECT_EQ(relative_error(quantized_values(type.dtype, x), x, others),
                  relative_error(quantized_values(type.dtype, without), without, others))
            << type.name;
}

TEST_F(Quantize, QuantizedValuesAreKept) {
    Tensor x = normal();
    for (const DtypeInfo& type : block_types) {
        Tensor once = quantized_values(type.dtype, x), twice = quantized_values(type.dtype, once);
        EXPECT_LT(relative_error(twice, once), 0.25 * relative_error(once, x)) << type.name;
    }
}

}  // namespace
}  // namespace puna
