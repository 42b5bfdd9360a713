#include "core/atomic_file.h"

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"

#include <gtest/gtest.h>

// What happens when the disk fails at the n-th call is tested by tests/disk_test.py.
namespace puna {
namespace {

using Names = std::vector<std::string>;

TEST(AtomicFiles, TheNewFileAppearsWholeAtCommit) {
    TestFolder folder;
    write_file(folder / "x", "old");
    AtomicFile file(folder / "x");
    std::string large(3'000'000, 'n');
    file.write(large);
    EXPECT_EQ(read_text(folder / "x"), "old");
    file.write("end");
    file.commit();
    EXPECT_EQ(read_text(folder / "x"), large + "end");
    EXPECT_EQ(folder.names(), Names{"x"});
}

TEST(AtomicFiles, WithoutCommitNothingChangesAndNothingIsLeft) {
    TestFolder folder;
    write_file(folder / "x", "old");
    { AtomicFile(folder / "x").write("new"); }
    EXPECT_EQ(read_text(folder / "x"), "old");
    EXPECT_EQ(folder.names(), Names{"x"});
}

TEST(AtomicFiles, TwoWritersOfOneFileDoNotMix) {
    TestFolder folder;
    AtomicFile first(folder / "x"), second(folder / "x");
    first.write("first");
    second.write("second");
    second.commit();
    first.commit();
    EXPECT_EQ(read_text(folder / "x"), "first");
}

TEST(AtomicFiles, CommittingTwiceIsABug) {
    TestFolder folder;
    AtomicFile file(folder / "x");
    file.commit();
    EXPECT_THROW(file.commit(), Bug);
}

TEST(AtomicFiles, AMissingFolderIsNamed) {
    TestFolder folder;
    try {
        AtomicFile file(folder / "no/x");
        FAIL() << "was created";
    } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()), (folder / "no/x").string() + ": cannot create: No such file or directory");
    }
}

TEST(AtomicFiles, AFolderInTheWayIsAnErrorAndNothingIsLeft) {
    TestFolder folder;
    make_folder(folder / "x/y");
    EXPECT_THROW(write_file(folder / "x", "text"), Error);
    EXPECT_EQ(folder.names(), Names{"x"});
}

TEST(Folders, RenamingAndMakingThemSayWhatFailed) {
    TestFolder folder;
    make_folder(folder / "a/b");
    make_folder(folder / "a/b");
    rename_durably(folder / "a/b", folder / "c");
    EXPECT_EQ(folder.names(), (Names{"a", "c"}));
    EXPECT_THROW(rename_durably(folder / "none", folder / "d"), Error);
    write_file(folder / "file", "");
    EXPECT_THROW(make_folder(folder / "file/x"), Error);
    EXPECT_THROW(sync_folder(folder / "none"), Error);
}

}  // namespace
}  // namespace puna
