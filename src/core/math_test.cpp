#include "core/math.h"

#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace puna {
namespace {

// How far a float is from the true value, in units of the float's last place.
double ulps(float ours, long double truth) {
    if (ours == truth) return 0;
    float near = static_cast<float>(truth);
    long double unit = std::max<long double>(std::nextafter(std::abs(near), INFINITY) - std::abs(near), 0x1p-149L);
    return static_cast<double>(std::abs(ours - truth) / unit);
}

template <class Ours, class Truth>
double worst(float low, float high, Ours ours, Truth truth) {
    Random random(1);
    double most = 0;
    for (int i = 0; i < 200'000; ++i) {
        float x = low + (high - low) * random.uniform();
        most =
            std::max(most, ulps(static_cast<float>(ours(static_cast<double>(x))), truth(static_cast<long double>(x))));
    }
    return most;
}

// long double is 80 bits on x86 and 128 on aarch64: either is enough of a truth for float.
long double true_exp(long double x) { return std::exp(x); }
long double true_log(long double x) { return std::log(x); }
long double true_sin(long double x) { return std::sin(x); }
long double true_cos(long double x) { return std::cos(x); }

TEST(ExactMath, RoundedToFloatEveryFunctionIsRightToHalfAUnit) {
    EXPECT_LT(worst(-87, 88, exact::exp, true_exp), 0.501);
    EXPECT_LT(worst(-1e-3f, 1e-3f, exact::exp, true_exp), 0.501);
    EXPECT_LT(worst(1e-30f, 1e-20f, exact::log, true_log), 0.501);
    EXPECT_LT(worst(0.5f, 2, exact::log, true_log), 0.501);
    EXPECT_LT(worst(0.9999f, 1.0001f, exact::log, true_log), 0.501);
    EXPECT_LT(worst(1, 1e30f, exact::log, true_log), 0.501);
    for (float range : {1e-3f, 1.f, 10.f, 131072.f, 6e6f}) {
        EXPECT_LT(worst(-range, range, exact::sin, true_sin), 0.501) << range;
        EXPECT_LT(worst(-range, range, exact::cos, true_cos), 0.501) << range;
    }
}

TEST(ExactMath, DoublesAreNearlyAsGood) {
    Random random(2);
    for (int i = 0; i < 100'000; ++i) {
        double x = 20.0 * random.uniform() - 10;
        ASSERT_NEAR(exact::exp(x) / static_cast<double>(true_exp(x)), 1, 4e-16) << x;
        ASSERT_NEAR(exact::sin(x), static_cast<double>(true_sin(x)), 4e-16) << x;
        ASSERT_NEAR(exact::cos(x), static_cast<double>(true_cos(x)), 4e-16) << x;
        double positive = std::abs(x) + 1e-3, truth = static_cast<double>(true_log(positive));
        ASSERT_NEAR(exact::log(positive), truth, 4e-16 * std::max(1.0, std::abs(truth))) << positive;
    }
}

TEST(ExactMath, TheEdgesAreWhereTheyBelong) {
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
}

}  // namespace
}  // namespace puna
