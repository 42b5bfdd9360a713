#include "core/folders.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

TEST(TemporaryFolder, IsRemovedWithWhatItContains) {
    fs::path path;
    {
        TemporaryFolder folder("puna-test"), other("puna-test");
        path = folder.path();
        EXPECT_NE(path, other.path());
        make_folder(folder / "a");
        write_file(folder / "a/b", "x");
        EXPECT_TRUE(fs::exists(path / "a/b"));
    }
    EXPECT_FALSE(fs::exists(path));
}

TEST(NewFolder, AppearsWhenItIsCommitted) {
    TestFolder parent;
    NewFolder folder(parent / "packed");
    write_file(folder / "x", "1");
    EXPECT_FALSE(fs::exists(parent / "packed"));
    folder.commit();
    EXPECT_EQ(parent.names(), std::vector<std::string>{"packed"});
    EXPECT_EQ(read_text(parent / "packed/x"), "1");
}

TEST(NewFolder, LeavesNothingWithoutCommit) {
    TestFolder parent;
    { write_file(NewFolder(parent / "packed") / "x", "1"); }
    EXPECT_EQ(parent.names(), std::vector<std::string>{});
}

TEST(NewFolder, AFolderWithFilesIsNotReplaced) {
    TestFolder parent;
    make_folder(parent / "packed");
    write_file(parent / "packed/x", "mine");
    NewFolder folder(parent / "packed");
    EXPECT_THAT(error_of([&] { folder.commit(); }), HasSubstr("cannot rename"));
    EXPECT_EQ(read_text(parent / "packed/x"), "mine");
}

TEST(NewFolder, ReplacesAnExistingFolderInOneStep) {
    TestFolder parent;
    for (const char* text : {"old", "new"}) {
        NewFolder folder(parent / "packed/");
        write_file(folder / text, text);
        EXPECT_EQ(fs::exists(parent / "packed/old"), text == std::string("new"));
        folder.replace();
    }
    EXPECT_EQ(parent.names(), std::vector<std::string>{"packed"});
    EXPECT_EQ(read_text(parent / "packed/new"), "new");
    EXPECT_FALSE(fs::exists(parent / "packed/old"));
}

TEST(NewFolder, WhatKilledProcessesLeftIsRemoved) {
    TestFolder parent;
    constexpr int no_process = 1 << 30;  // more than Linux ever numbers
    for (std::string name : {fmt::format("packed.{}.0.new", no_process), fmt::format("packed.{}.77.new", ::getpid()),
                             fmt::format("other.{}.0.new", no_process), std::string("packed.new")})
        make_folder(parent / name);
    NewFolder folder(parent / "packed");
    folder.commit();
    EXPECT_EQ(parent.names(), (std::vector<std::string>{fmt::format("other.{}.0.new", no_process), "packed",
                                                        fmt::format("packed.{}.77.new", ::getpid()), "packed.new"}));
}

}  // namespace
}  // namespace puna
