#include "core/progress.h"

#include <gtest/gtest.h>

#include <cmath>

namespace puna {
namespace {

TEST(HumanNumbers, TakeThePrefixThatFits) {
    EXPECT_EQ(human(0, "B"), "0 B");
    EXPECT_EQ(human(999, "B"), "999 B");
    EXPECT_EQ(human(999.96, "B"), "1.0 kB");
    EXPECT_EQ(human(1234567, "B"), "1.2 MB");
    EXPECT_EQ(human(999'960, "B"), "1.0 MB");
    EXPECT_EQ(human(1e18, "tokens"), "1000.0 Ptokens");
}

TEST(HumanTimes, TakeTwoUnits) {
    EXPECT_EQ(human_time(0), "0 s");
    EXPECT_EQ(human_time(59.4), "59 s");
    EXPECT_EQ(human_time(59.6), "1 min 0 s");
    EXPECT_EQ(human_time(200), "3 min 20 s");
    EXPECT_EQ(human_time(7500), "2 h 5 min");
    EXPECT_EQ(human_time(90000), "1 d 1 h");
    EXPECT_EQ(human_time(-1), "0 s");
    EXPECT_EQ(human_time(NAN), "0 s");
    EXPECT_FALSE(human_time(INFINITY).empty());
}

TEST(ProgressBars, AdvanceFromAnyThreadAndSayNothingWithoutATerminal) {
    testing::internal::CaptureStderr();
    {
        Progress progress("encoding", 0, "B");
        progress.advance(10);
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace puna
