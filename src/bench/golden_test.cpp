#include "bench/golden.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, EveryTableOfKernelsComputesWhatTheReferenceDid) {
    std::filesystem::path folder = std::filesystem::path("../shared/golden") / GetParam();
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder.string() << " is missing";
    std::vector<GoldenRow> rows = check_golden(folder);
    EXPECT_GE(rows.size(), 2 * 7 * available_kernels().size() - 7);
    for (const GoldenRow& row : rows) EXPECT_LE(row.error, row.bar) << row.kernels << " " << row.type << " " << row.what;
}

INSTANTIATE_TEST_SUITE_P(Folders, Golden, testing::Values("tiny3", "tiny31", "tinytied", "small3"));

}  // namespace
}  // namespace puna
