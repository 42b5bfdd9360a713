#include "core/dtype.h"

#include "core/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace puna {
namespace {

// The value of a 16-bit float by the format's definition, independent of the code under test.
double value_of(uint32_t bits, int exponent_bits, int mantissa_bits) {
    int bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = static_cast<int>(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
    double mantissa = bits & ((1u << mantissa_bits) - 1), sign = bits & 0x8000 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1) return mantissa != 0 ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

double f16_value(uint32_t bits) { return value_of(bits, 5, 10); }
double bf16_value(uint32_t bits) { return value_of(bits, 8, 7); }

TEST(Dtype, EveryF16AndBf16ConvertsToItsDefinedValueAndBack) {
    for (uint32_t u = 0; u < 65536; ++u) {
        f16 h;
        bf16 b;
        h.bits = b.bits = static_cast<uint16_t>(u);
        float from_h = static_cast<float>(h), from_b = static_cast<float>(b);
        if (std::isnan(f16_value(u))) {
            EXPECT_TRUE(std::isnan(from_h) && std::isnan(static_cast<float>(f16(from_h)))) << u;
        } else {
            EXPECT_EQ(from_h, f16_value(u)) << u;
            EXPECT_EQ(std::signbit(from_h), u >= 0x8000) << u;
            EXPECT_EQ(f16(from_h).bits, u);
        }
        if (std::isnan(bf16_value(u))) {
            EXPECT_TRUE(std::isnan(from_b) && std::isnan(static_cast<float>(bf16(from_b)))) << u;
        } else {
            EXPECT_EQ(from_b, bf16_value(u)) << u;
            EXPECT_EQ(bf16(from_b).bits, u);
        }
    }
}

// Between adjacent values: below the midpoint rounds down, above it up, the midpoint itself to even.
template <class Half>
void expect_rounding(double (*value)(uint32_t), uint32_t infinity) {
    for (uint32_t u = 0; u < infinity; ++u) {
        double low = value(u), high = u + 1 == infinity ? 2 * value(u) - value(u - 1) : value(u + 1);
        float midpoint = static_cast<float>((low + high) / 2);
        uint32_t even = u % 2 == 0 ? u : u + 1;
        for (int sign : {1, -1}) {
            uint32_t top = sign < 0 ? 0x8000 : 0;
            float s = static_cast<float>(sign);
            ASSERT_EQ(Half(s * midpoint).bits, even | top) << u;
            ASSERT_EQ(Half(s * std::nextafter(midpoint, 0.f)).bits, u | top) << u;
            ASSERT_EQ(Half(s * std::nextafter(midpoint, INFINITY)).bits, (u + 1) | top) << u;
        }
    }
    EXPECT_EQ(Half(std::numeric_limits<float>::max()).bits, infinity);
    EXPECT_EQ(Half(-INFINITY).bits, infinity | 0x8000);
}

TEST(Dtype, RoundingIsToNearestTiesToEven) {
    expect_rounding<f16>(f16_value, 0x7c00);
    expect_rounding<bf16>(bf16_value, 0x7f80);
}

TEST(Dtype, TheTableIsInTheOrderOfTheEnumeration) {
    for (const DtypeInfo& known : dtypes) {
        EXPECT_EQ(&info(known.dtype), &known);
        EXPECT_EQ(known.file_name.empty(), is_block_type(known.dtype)) << "safetensors lacks block types";
    }
}

TEST(Dtype, BytesAreThoseOfWholeBlocks) {
    EXPECT_EQ(bytes_of(Dtype::bf16, 3), 6);
    EXPECT_EQ(bytes_of(Dtype::q8_0, 64), 68);
    EXPECT_EQ(bytes_of(Dtype::q4_0, 32), 18);
    EXPECT_EQ(bytes_of(Dtype::q6_K, 512), 420);
    EXPECT_EQ(bytes_of(Dtype::q6_K, 0), 0);
    EXPECT_EQ(bytes_of(Dtype::q6_K, 128), std::nullopt) << "half a block";
    EXPECT_EQ(bytes_of(Dtype::f32, -1), std::nullopt);
    EXPECT_EQ(bytes_of(Dtype::q8_0, -32), std::nullopt);
    EXPECT_EQ(bytes_of(Dtype::f32, int64_t{1} << 61), std::nullopt);
    EXPECT_EQ(bytes_of(Dtype::q8_0, INT64_MAX - 31), std::nullopt);
    EXPECT_EQ(bytes_of(Dtype::q4_0, INT64_MAX - 31), (INT64_MAX / 32) * 18) << "fewer bytes than elements";
}

TEST(Dtype, WithTypeAcceptsFloatingTypesOnly) {
    auto size = [](Dtype dtype) { return with_type(dtype, []<class T>() { return sizeof(T); }); };
    EXPECT_EQ(size(Dtype::f32), 4u);
    EXPECT_EQ(size(Dtype::bf16), 2u);
    EXPECT_EQ(size(Dtype::f16), 2u);
    EXPECT_THROW(size(Dtype::i32), Bug);
    EXPECT_THROW(size(Dtype::q8_0), Bug);
}

}  // namespace
}  // namespace puna
