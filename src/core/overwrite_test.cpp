#include "core/overwrite.h"

#include "core/atomic_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;

const OutputKind notes{"a notebook", [](const std::filesystem::path& path) {
                           return contains_only(path,
                                                [](const auto& entry) { return entry.filename() == "notes.txt"; });
                       }};

TEST(Overwrite, NothingThatExistsIsReplacedUnlessForced) {
    TestFolder folder;
    check_overwrite(folder / "absent", notes, false);
    make_folder(folder / "empty");
    check_overwrite(folder / "empty", notes, false);
    make_folder(folder / "mine");
    write_file(folder / "mine/notes.txt", "x");
    EXPECT_THAT(error_of([&] { check_overwrite(folder / "mine", notes, false); }), HasSubstr("mine: already exists"));
    EXPECT_EQ(error_kind_of([&] { check_overwrite(folder / "mine", notes, false); }), ErrorKind::exists);
    check_overwrite(folder / "mine", notes, true);
}

TEST(Overwrite, OtherThingsAreNotReplacedEvenIfForced) {
    TestFolder folder;
    make_folder(folder / "work");
    write_file(folder / "work/notes.txt", "x");
    write_file(folder / "work/thesis.txt", "x");
    write_file(folder / "file", "");
    for (bool force : {false, true})
        for (const char* name : {"work", "file"})
            EXPECT_THAT(error_of([&] { check_overwrite(folder / name, notes, force); }),
                        HasSubstr("already exists and is not a notebook; remove it"));
}

TEST(Overwrite, DevicesAreWrittenTo) { check_overwrite("/dev/null", notes, false); }

}  // namespace
}  // namespace puna
