#include "core/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace puna {
namespace {

using Block = std::array<uint32_t, 4>;

TEST(Philox, MatchesThePublishedKnownAnswers) {
    EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    uint32_t ones = 0xffffffff;
    EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, ValuesDependOnSeedStreamAndPositionOnly) {
    Random a(7, 1), same(7, 1), other_stream(7, 2), other_seed(8, 1);
    std::vector<uint32_t> first;
    for (int i = 0; i < 40; ++i) first.push_back(a.bits());
    for (uint32_t bits : first) EXPECT_EQ(same.bits(), bits);
    EXPECT_NE(other_stream.bits(), first[0]);
    EXPECT_NE(other_seed.bits(), first[0]);
    a.seek(5);
    EXPECT_EQ(a.bits(), first[20]) << "blocks hold four values";
    EXPECT_EQ(Random(0).bits(), 0x6627e8d5u) << "seed 0, stream 0 starts with the known answer";
}

TEST(Random, BelowDrawsTheHighHalfFirst) {
    EXPECT_EQ(Random(0).below(uint64_t{1} << 63), 0x6627e8d5e169c58d & (UINT64_MAX >> 1));
}

TEST(Random, UniformHasTheRightRangeAndMoments) {
    Random random(1);
    double sum = 0, squares = 0;
    constexpr int n = 100'000;
    for (int i = 0; i < n; ++i) {
        float u = random.uniform();
        ASSERT_GE(u, 0);
        ASSERT_LT(u, 1);
        sum += u;
        squares += u * u;
    }
    EXPECT_NEAR(sum / n, 0.5, 0.005);
    EXPECT_NEAR(squares / n, 1.0 / 3, 0.005);
}

TEST(Random, NormalHasTheRightMoments) {
    Random random(2);
    double sum = 0, squares = 0, fourth = 0;
    constexpr int n = 100'000;
    for (int i = 0; i < n; ++i) {
        double z = random.normal();
        ASSERT_TRUE(std::isfinite(z));
        sum += z;
        squares += z * z;
        fourth += z * z * z * z;
    }
    EXPECT_NEAR(sum / n, 0, 0.02);
    EXPECT_NEAR(squares / n, 1, 0.02);
    EXPECT_NEAR(fourth / n, 3, 0.15);
}

TEST(Random, BelowIsUniform) {
    Random random(3);
    std::vector<int> counts(7);
    for (int i = 0; i < 70'000; ++i) ++counts[random.below(7)];
    for (int count : counts) EXPECT_NEAR(count, 10'000, 500);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(random.below(1), 0u);
}

}  // namespace
}  // namespace puna
