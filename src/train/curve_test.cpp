#include "train/curve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace puna {
namespace {

using testing::ElementsAre;

std::vector<int64_t> steps_of(const std::vector<StepValue>& points) {
    std::vector<int64_t> steps;
    for (StepValue point : points) steps.push_back(point.step);
    return steps;
}

std::vector<double> values_of(const std::vector<StepValue>& points) {
    std::vector<double> values;
    for (StepValue point : points) values.push_back(point.value);
    return values;
}

// 0, 1, 2, 0, 1, 2, ... from step 1.
Curve sawtooth(size_t max_buckets, int64_t steps) {
    Curve curve(max_buckets);
    for (int64_t step = 1; step <= steps; ++step) curve.add(step, static_cast<double>((step - 1) % 3));
    return curve;
}

TEST(Curve, AShortOneKeepsEveryValue) {
    Curve curve = sawtooth(4, 4);
    EXPECT_TRUE(curve.is_exact());
    EXPECT_THAT(steps_of(curve.points()), ElementsAre(1, 2, 3, 4));
    EXPECT_THAT(values_of(curve.points()), ElementsAre(0, 1, 2, 0));
    EXPECT_THAT(values_of(curve.means()), ElementsAre(0, 1, 2, 0));
    EXPECT_TRUE(Curve(4).points().empty());
    EXPECT_TRUE(Curve(4).means().empty());
}

TEST(Curve, ALongOneKeepsTheExtremesOfItsBuckets) {
    Curve curve = sawtooth(4, 9);  // buckets of four: 0 1 2 0, 1 2 0 1, 2
    EXPECT_FALSE(curve.is_exact());
    EXPECT_THAT(steps_of(curve.points()), ElementsAre(1, 3, 6, 7, 9));
    EXPECT_THAT(values_of(curve.points()), ElementsAre(0, 2, 2, 0, 2));
    EXPECT_THAT(steps_of(curve.means()), ElementsAre(4, 8, 9));
    EXPECT_THAT(values_of(curve.means()), ElementsAre(0.75, 1, 2));
}

TEST(Curve, NoSpikeIsLostAndTheSizeIsBounded) {
    Curve curve(1000);
    for (int64_t step = 1; step <= 1'000'000; ++step) curve.add(step, step == 123'457 ? 13 : step == 654'321 ? -1 : 1);
    std::vector<StepValue> points = curve.points();
    EXPECT_LE(points.size(), 2002u);
    EXPECT_LE(curve.means().size(), 1000u);
    EXPECT_GE(curve.means().size(), 489u) << "no fewer than half of what is allowed";
    std::vector<int64_t> steps = steps_of(points);
    EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
    EXPECT_EQ(steps.front(), 1);
    EXPECT_EQ(steps.back(), 1'000'000);
    auto has = [&](int64_t step, double value) {
        return std::any_of(points.begin(), points.end(),
                           [&](StepValue point) { return point.step == step && point.value == value; });
    };
    EXPECT_TRUE(has(123'457, 13));
    EXPECT_TRUE(has(654'321, -1));
}

}  // namespace
}  // namespace puna
