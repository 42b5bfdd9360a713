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

TEST(Measure, DisturbedPeaksOfTheMachineAreMeasuredAgain) {
    // Each figure is disturbed once: the second read, the third bf16. The last two measurements agree.
    MachinePeaks measured[] = {{.read_gbs = 20, .f32 = 200, .bf16 = 400, .int8 = 800, .int4 = 900},
                               {.read_gbs = 15, .f32 = 200, .bf16 = 400, .int8 = 800, .int4 = 900},
                               {.read_gbs = 20, .f32 = 200, .bf16 = 300, .int8 = 800, .int4 = 900},
                               {.read_gbs = 20, .f32 = 200, .bf16 = 400, .int8 = 800, .int4 = 900},
                               {.read_gbs = 20, .f32 = 210, .bf16 = 400, .int8 = 800, .int4 = 900}};
    int runs = 0;
    std::vector<MachinePeaks> peaks = repeat_peaks(1, [&] { return measured[runs++]; });
    EXPECT_EQ(runs, 5);
    ASSERT_EQ(peaks.size(), 1U);
    EXPECT_EQ(peaks[0].f32, 210);
    EXPECT_EQ(peaks[0].bf16, 400);
}

TEST(Measure, PeaksThatNeverAgreeEndAfterFiveAttempts) {
    int runs = 0;
    std::vector<MachinePeaks> peaks = repeat_peaks(2, [&] {
        double speed = ++runs % 2 ? 100 : 50;
        return MachinePeaks{.read_gbs = speed, .f32 = speed, .bf16 = speed, .int8 = speed, .int4 = speed};
    });
    EXPECT_EQ(runs, 11);
    ASSERT_EQ(peaks.size(), 2U);
    EXPECT_EQ(peaks[1].int8, 100);
}

TEST(Measure, FiguresThatCannotBeMeasuredHaveNoRow) {
    std::vector<BenchRow> rows = machine_rows({{.read_gbs = 20, .f32 = 200, .bf16 = 400}});
    ASSERT_EQ(rows.size(), 3U);
    for (const BenchRow& row : rows) EXPECT_GT(row.value, 0) << row.shape << row.type;
}

}  // namespace
}  // namespace puna
