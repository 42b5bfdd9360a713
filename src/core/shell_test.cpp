#include "core/shell.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

TEST(Shell, QuotesOnlyWordsThatNeedIt) {
    EXPECT_EQ(shell_word("out/model-1.2"), "out/model-1.2");
    EXPECT_EQ(shell_word("my model"), "'my model'");
    EXPECT_EQ(shell_word("$(it's)"), "'$(it'\\''s)'");
    EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace puna
