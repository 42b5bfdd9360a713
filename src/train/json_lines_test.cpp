#include "train/json_lines.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(JsonLines, AResumedFileBeginsWithTheBytesOfTheCheckpoint) {
    TestFolder folder;
    int64_t at_checkpoint = 0;
    {
        JsonLines lines(folder / "m.jsonl", 0);
        lines.append("one");
        at_checkpoint = lines.bytes();
        lines.append("two, done again after the checkpoint");
    }
    {
        JsonLines lines(folder / "m.jsonl", at_checkpoint);
        EXPECT_EQ(lines.bytes(), at_checkpoint);
        lines.append("two");
    }
    EXPECT_EQ(read_text(folder / "m.jsonl"), "one\ntwo\n");
    JsonLines(folder / "m.jsonl", 0);
    EXPECT_EQ(read_text(folder / "m.jsonl"), "") << "a run that starts again";
}

TEST(JsonLines, AFileThatLostLinesIsRefused) {
    TestFolder folder;
    write_file(folder / "m.jsonl", "one\n");
    EXPECT_THAT(error_of([&] { JsonLines(folder / "m.jsonl", 5); }),
                AllOf(HasSubstr("m.jsonl: is shorter than the checkpoint records (5 bytes)"), HasSubstr("restore it")));
    EXPECT_THAT(error_of([&] { JsonLines(folder / "none", 5); }),
                HasSubstr("none: cannot open the lines written before the checkpoint"));
    EXPECT_EQ(read_text(folder / "m.jsonl"), "one\n");
}

}  // namespace
}  // namespace puna
