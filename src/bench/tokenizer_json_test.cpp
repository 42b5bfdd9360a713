#include "bench/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

TEST(BenchTokenizerJson, LoadsAFileOfLlama3sSize) {
    BenchRow row = bench_tokenizer_json({.repetitions = 1});
    EXPECT_THAT(row.shape, testing::ContainsRegex("of [89]\\.[0-9] MB$"));
    EXPECT_EQ(row.unit, "ms");
    EXPECT_GT(row.value, 0);
}

}  // namespace
}  // namespace puna
