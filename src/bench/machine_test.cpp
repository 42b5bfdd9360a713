#include "bench/bench.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

TEST(Measure, RunFasterThanThePeakIsRepeated) {
    int runs = 0;
    auto once_too_fast = [&] { return ++runs == 1 ? 3.0 : 0.5; };
    Measured m = measure(
        1, [] { return 2.0; }, once_too_fast);
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(m.value, 0.5);
    EXPECT_EQ(m.limit, 2.0);
    EXPECT_EQ(m.share, 0.25);
}

TEST(Measure, RepeatedlyExceedingThePeakRaisesIt) {
    int runs = 0;
    Measured m = measure(
        1, [] { return 2.0; }, [&] { return ++runs, 3.0; });
    EXPECT_EQ(runs, 5);
    EXPECT_EQ(m.value, 3);
    EXPECT_EQ(m.limit, 3);
    EXPECT_EQ(m.share, 1);
}

TEST(Measure, SlightlyExceedingThePeakRaisesItAtOnce) {
    int runs = 0;
    Measured m = measure(
        1, [] { return 2.0; }, [&] { return ++runs, 2.1; });
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(m.limit, 2.1);
    EXPECT_EQ(m.share, 1);
}

TEST(Measure, InconsistentPeaksCauseARepeat) {
    double peaks[] = {4, 2, 8, 8};  // peaks before and after the runs; only the last two agree
    int next = 0, runs = 0;
    Measured m = measure(
        1, [&] { return peaks[next++]; }, [&] { return static_cast<double>(++runs); });
    EXPECT_EQ(runs, 3);
    EXPECT_EQ(m.value, 3);
    EXPECT_EQ(m.limit, 8);
}

}  // namespace
}  // namespace puna
