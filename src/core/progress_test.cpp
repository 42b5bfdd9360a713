#include "core/progress.h"

#include <gtest/gtest.h>

#include <cmath>

namespace puna {
namespace {

TEST(FormatQuantity, UsesSiPrefixes) {
    EXPECT_EQ(format_quantity(0, "B"), "0 B");
    EXPECT_EQ(format_quantity(999, "B"), "999 B");
    EXPECT_EQ(format_quantity(999.96, "B"), "1.0 kB");
    EXPECT_EQ(format_quantity(1234567, "B"), "1.2 MB");
    EXPECT_EQ(format_quantity(999'960, "B"), "1.0 MB");
    EXPECT_EQ(format_quantity(1e18, "tokens"), "1000.0 Ptokens");
}

TEST(FormatDuration, UsesTheTwoLargestUnits) {
    EXPECT_EQ(format_duration(0), "0 s");
    EXPECT_EQ(format_duration(59.4), "59 s");
    EXPECT_EQ(format_duration(59.6), "1 min 0 s");
    EXPECT_EQ(format_duration(200), "3 min 20 s");
    EXPECT_EQ(format_duration(7500), "2 h 5 min");
    EXPECT_EQ(format_duration(90000), "1 d 1 h");
    EXPECT_EQ(format_duration(-1), "0 s");
    EXPECT_EQ(format_duration(NAN), "0 s");
    EXPECT_FALSE(format_duration(INFINITY).empty());
}

TEST(Progress, CountsAgreeWithTheirNounAndGroupDigits) {
    EXPECT_EQ(format_count(1, "token"), "1 token");
    EXPECT_EQ(format_count(0, "token"), "0 tokens");
    EXPECT_EQ(format_count(999, "token"), "999 tokens");
    EXPECT_EQ(format_count(1000, "token"), "1,000 tokens");
    EXPECT_EQ(format_count(1234567, "document"), "1,234,567 documents");
    EXPECT_EQ(format_count(-100, "token"), "-100 tokens");
    EXPECT_EQ(format_count(INT64_MIN, "token"), "-9,223,372,036,854,775,808 tokens");
}

TEST(Progress, PrintsNothingWithoutATerminal) {
    testing::internal::CaptureStderr();
    {
        Progress progress("encoding", 0, "B");
        progress.advance(10);
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace puna
