#include "bench/bench.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

TEST(Measure, MakesAnImpossibleRunAgain) {
    int runs = 0;
    auto once_too_fast = [&] { return ++runs == 1 ? 3.0 : 0.5; };
    Measured m = measure(
        1, [](const MachinePeaks&) { return 2.0; }, once_too_fast);
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(m.value, 0.5);
    EXPECT_EQ(m.limit, 2.0);
    EXPECT_EQ(m.share, 0.25);
}

TEST(Measure, TellsWhatStaysImpossible) {
    int runs = 0;
    Measured m = measure(
        1, [](const MachinePeaks&) { return 2.0; }, [&] { return ++runs, 3.0; });
    EXPECT_EQ(runs, 5);
    EXPECT_EQ(m.share, 1.5);
}

TEST(Measure, BoundsARunByTheBetterFigureBeforeAndAfterIt) {
    double figures[] = {4, 2, 8};
    int next = 0;
    Measured m = measure(
        2, [&](const MachinePeaks&) { return figures[next++]; }, [] { return 1.0; });
    EXPECT_EQ(m.limit, 6);  // of 4 and 8
}

}  // namespace
}  // namespace puna
