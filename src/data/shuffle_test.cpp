#include "data/shuffle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace puna {

namespace {

std::vector<int64_t> order(int64_t n, uint64_t seed, uint64_t epoch) {
    Permutation permutation(n, seed, epoch);
    std::vector<int64_t> values;
    for (int64_t i = 0; i < n; ++i) values.push_back(permutation(i));
    return values;
}

}  // namespace

TEST(Shuffle, EachValueOccursExactlyOnce) {
    for (int64_t n : {1, 2, 3, 16, 255, 256, 257, 1000, 65537}) {
        std::vector<int64_t> values = order(n, 5, 1);
        std::sort(values.begin(), values.end());
        for (int64_t i = 0; i < n; ++i) ASSERT_EQ(values[static_cast<size_t>(i)], i) << n;
    }
}

TEST(Shuffle, TheOrderDependsOnSeedAndEpochOnly) {
    EXPECT_EQ(order(1000, 1, 0), order(1000, 1, 0));
    EXPECT_NE(order(1000, 1, 0), order(1000, 2, 0));
    EXPECT_NE(order(1000, 1, 0), order(1000, 1, 1));
    EXPECT_NE(order(1000, 1, 0), order(1000, uint64_t{1} << 40 | 1, 0));
    EXPECT_NE(order(1000, 1, 1), order(1000, 1, uint64_t{1} << 40 | 1));
}

TEST(Shuffle, NeighborsEndUpFarApart) {
    constexpr int64_t n = 10000;
    std::vector<int64_t> values = order(n, 3, 0);
    double sum = 0;
    int64_t fixed = 0;
    for (size_t i = 1; i < values.size(); ++i) {
        sum += static_cast<double>(std::abs(values[i] - values[i - 1]));
        fixed += values[i] == static_cast<int64_t>(i);
    }
    EXPECT_NEAR(sum / n, n / 3.0, n / 3.0 * 0.05);  // expected distance of two random positions
    EXPECT_LT(fixed, 10);                           // one expected in a random permutation
}

TEST(Shuffle, ThreeElementsTakeAllSixOrders) {
    std::set<std::vector<int64_t>> seen;
    for (uint64_t epoch = 0; epoch < 200; ++epoch) seen.insert(order(3, 9, epoch));
    EXPECT_EQ(seen.size(), 6u);
}

TEST(Shuffle, TheOrderIsTheSameOnEveryMachine) {
    EXPECT_EQ(order(8, 1, 0), (std::vector<int64_t>{5, 1, 7, 3, 6, 2, 0, 4}));
}

TEST(Shuffle, HugeRangesNeedNoMemory) {
    constexpr int64_t n = int64_t{1} << 60;
    Permutation permutation(n, 1, 1);
    EXPECT_LT(permutation(n - 1), n);
    EXPECT_NE(permutation(0), permutation(1));
}

}  // namespace puna
