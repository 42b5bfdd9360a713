#include "core/checked.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

TEST(Checked, OverflowReturnsEmpty) {
    EXPECT_EQ(checked_add<int64_t>(2, 3), 5);
    EXPECT_EQ(checked_add<int64_t>(INT64_MAX, 1), std::nullopt);
    EXPECT_EQ(checked_add<uint64_t>(UINT64_MAX, 1), std::nullopt);
    EXPECT_EQ(checked_multiply<int64_t>(int64_t{1} << 31, int64_t{1} << 31), int64_t{1} << 62);
    EXPECT_EQ(checked_multiply<int64_t>(int64_t{1} << 32, int64_t{1} << 31), std::nullopt);
    EXPECT_EQ(checked_multiply<int64_t>(INT64_MIN, -1), std::nullopt);
    EXPECT_EQ(checked_cast<uint8_t>(255), uint8_t{255});
    EXPECT_EQ(checked_cast<uint8_t>(256), std::nullopt);
    EXPECT_EQ(checked_cast<uint64_t>(-1), std::nullopt);
}

TEST(Checked, RoundUpAndDivideUpReachTheNextMultiple) {
    EXPECT_EQ(round_up(0, 64), 0);
    EXPECT_EQ(round_up(1, 64), 64);
    EXPECT_EQ(round_up(64, 64), 64);
    EXPECT_EQ(divide_up(0, 3), 0);
    EXPECT_EQ(divide_up(7, 3), 3);
}

}  // namespace
}  // namespace puna
