#include "core/math.h"

#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace puna {
namespace {

// Error of a float in units in the last place (ulp).
double ulps(float result, long double expected) {
    if (result == expected) return 0;
    float near = static_cast<float>(expected);
    long double unit = std::max<long double>(std::nextafter(std::abs(near), INFINITY) - std::abs(near), 0x1p-149L);
    return static_cast<double>(std::abs(result - expected) / unit);
}

template <class F, class Reference>
double max_ulps(float low, float high, F f, Reference reference) {
    Random random(1);
    double max = 0;
    for (int i = 0; i < 200'000; ++i) {
        float x = low + (high - low) * random.uniform();
        max =
            std::max(max, ulps(static_cast<float>(f(static_cast<double>(x))), reference(static_cast<long double>(x))));
    }
    return max;
}

// long double is 80 bits on x86 and 128 on aarch64: either is precise enough as a reference.
long double reference_exp(long double x) { return std::exp(x); }
long double reference_log(long double x) { return std::log(x); }
long double reference_sin(long double x) { return std::sin(x); }
long double reference_cos(long double x) { return std::cos(x); }

TEST(ExactMath, FloatErrorsAreBarelyAboveHalfAnUlp) {
    EXPECT_LT(max_ulps(-87, 88, exact::exp, reference_exp), 0.501);
    EXPECT_LT(max_ulps(-1e-3f, 1e-3f, exact::exp, reference_exp), 0.501);
    EXPECT_LT(max_ulps(1e-30f, 1e-20f, exact::log, reference_log), 0.501);
    EXPECT_LT(max_ulps(0.5f, 2, exact::log, reference_log), 0.501);
    EXPECT_LT(max_ulps(0.9999f, 1.0001f, exact::log, reference_log), 0.501);
    EXPECT_LT(max_ulps(1, 1e30f, exact::log, reference_log), 0.501);
    for (float range : {1e-3f, 1.f, 10.f, 131072.f, 6e6f}) {
        EXPECT_LT(max_ulps(-range, range, exact::sin, reference_sin), 0.501) << range;
        EXPECT_LT(max_ulps(-range, range, exact::cos, reference_cos), 0.501) << range;
    }
}

TEST(ExactMath, DoubleResultsAreAccurateToAFewUlp) {
    Random random(2);
    for (int i = 0; i < 100'000; ++i) {
        double x = 20.0 * random.uniform() - 10;
        ASSERT_NEAR(exact::exp(x) / static_cast<double>(reference_exp(x)), 1, 4e-16) << x;
        ASSERT_NEAR(exact::sin(x), static_cast<double>(reference_sin(x)), 4e-16) << x;
        ASSERT_NEAR(exact::cos(x), static_cast<double>(reference_cos(x)), 4e-16) << x;
        double positive = std::abs(x) + 1e-3, expected = static_cast<double>(reference_log(positive));
        ASSERT_NEAR(exact::log(positive), expected, 4e-16 * std::max(1.0, std::abs(expected))) << positive;
    }
}

TEST(ExactMath, SpecialValuesAreCorrect) {
    double infinity = std::numeric_limits<double>::infinity();
    EXPECT_EQ(exact::exp(0), 1);
    EXPECT_EQ(exact::exp(-infinity), 0);
    EXPECT_EQ(exact::exp(infinity), infinity);
    EXPECT_EQ(static_cast<float>(exact::exp(89)), std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isnan(exact::exp(NAN)));
    EXPECT_EQ(exact::log(1), 0);
    EXPECT_EQ(exact::log(0), -infinity);
    EXPECT_EQ(exact::log(infinity), infinity);
    EXPECT_TRUE(std::isnan(exact::log(-1)));
    EXPECT_NEAR(exact::log(5e-324), -744.4400719213812, 1e-12) << "the smallest double";
    EXPECT_EQ(exact::sin(0), 0);
    EXPECT_EQ(exact::cos(0), 1);
    for (double x : {1e38, -1e300}) EXPECT_LE(std::abs(exact::sin(x)) + std::abs(exact::cos(x)), 2) << x;
    EXPECT_TRUE(std::isnan(exact::cos(std::numeric_limits<double>::infinity())));
    EXPECT_TRUE(std::isnan(exact::sin(std::numeric_limits<double>::quiet_NaN())));
}

}  // namespace
}  // namespace puna
