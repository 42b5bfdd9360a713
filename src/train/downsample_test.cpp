#include "train/downsample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace puna {
namespace {

using testing::Contains;
using testing::Each;
using testing::Field;
using testing::Le;
using testing::SizeIs;

std::vector<StepValue> constant_values(int64_t steps) {
    std::vector<StepValue> values;
    for (int64_t step = 1; step <= steps; ++step) values.push_back({step, 2.0});
    return values;
}

bool steps_ascend(const std::vector<StepValue>& values) {
    auto descends = [](StepValue a, StepValue b) { return a.step >= b.step; };
    return std::adjacent_find(values.begin(), values.end(), descends) == values.end();
}

TEST(Downsample, KeepsEverySpikeInOrder) {
    std::vector<StepValue> values = constant_values(100'000);
    for (size_t at : {250u, 777u, 50'000u, 99'990u}) values[at].value = 9;
    values[778].value = 1;
    std::vector<StepValue> few = downsample_minmax(values);
    EXPECT_THAT(few, SizeIs(Le(2002u)));
    EXPECT_EQ(std::count_if(few.begin(), few.end(), [](StepValue v) { return v.value == 9; }), 4);
    EXPECT_THAT(few, Contains(Field(&StepValue::value, 1)));
    EXPECT_EQ(few.front().step, 1);
    EXPECT_EQ(few.back().step, 100'000);
    EXPECT_TRUE(steps_ascend(few));
}

TEST(Downsample, MediansHideOutliersAndReachTheLastStep) {
    std::vector<StepValue> values = constant_values(10'001);
    for (size_t at = 0; at < values.size(); at += 100) values[at].value = 50;
    std::vector<StepValue> few = downsample_median(values);
    EXPECT_THAT(few, SizeIs(200));
    EXPECT_THAT(few, Each(Field(&StepValue::value, 2)));
    EXPECT_EQ(few.back().step, 10'001);
    EXPECT_TRUE(steps_ascend(few));
}

TEST(Downsample, ShortSeriesAreUnchanged) {
    EXPECT_THAT(downsample_minmax(constant_values(2000)), SizeIs(2000));
    EXPECT_THAT(downsample_median(constant_values(200)), SizeIs(200));
    EXPECT_THAT(downsample_minmax({}), SizeIs(0));
    EXPECT_THAT(downsample_median({}), SizeIs(0));
}

}  // namespace
}  // namespace puna
