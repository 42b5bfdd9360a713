#include "data/bad_input.h"

#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace puna {
namespace {

using testing::HasSubstr;
using testing::Not;

BadInput bad_input(const std::string& path, int line, BadInput::Extent extent = BadInput::record) {
    return BadInput(Error(fmt::format("{}:{}: is bad", path, line)), path, extent);
}

TEST(BadInputs, TheFirstOneIsThrownUnlessTheyAreSkipped) {
    BadInputs strict(false);
    try {
        strict.add(bad_input("a.jsonl", 3));
        ADD_FAILURE();
    } catch (const BadInput& problem) {
        EXPECT_STREQ(problem.what(), "a.jsonl:3: is bad");
    }
}

TEST(BadInputs, TheFirstTwentyAreLoggedAndTheOthersCountedPerFile) {
    BadInputs bad(true);
    testing::internal::CaptureStderr();
    for (int i = 0; i < 18; ++i) bad.add(bad_input("a.jsonl", i));
    for (int i = 0; i < 5; ++i) bad.add(bad_input("b.txt", i, BadInput::line));
    bad.add(bad_input("b.txt", 9, BadInput::rest_of_file));
    bad.add(bad_input("c.png", 0, BadInput::file));
    bad.log_totals();
    std::string logged = testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::count(logged.begin(), logged.end(), '\n'), 22);
    EXPECT_THAT(logged, HasSubstr("skipped: a.jsonl:17: is bad"));
    EXPECT_THAT(logged, HasSubstr("b.txt:1: is bad"));
    EXPECT_THAT(logged, Not(HasSubstr("b.txt:2: is bad")));
    EXPECT_THAT(logged, HasSubstr("b.txt: also skipped 3 lines and 1 file"));
    EXPECT_THAT(logged, HasSubstr("c.png: also skipped 1 file"));
    EXPECT_EQ(describe(bad.skipped()), "18 documents, 5 lines and 2 files");
}

TEST(BadInputs, IfNothingIsLeftTheFirstReasonIsTheError) {
    BadInputs bad(true);
    EXPECT_EQ(error_of([&] { bad.fail_if_any(); }), "no error");
    testing::internal::CaptureStderr();
    bad.add(bad_input("a.jsonl", 3));
    bad.add(bad_input("a.jsonl", 4));
    testing::internal::GetCapturedStderr();
    EXPECT_EQ(error_of([&] { bad.fail_if_any(); }),
              "nothing is left: 2 documents skipped, the first one: a.jsonl:3: is bad");
}

}  // namespace
}  // namespace puna
