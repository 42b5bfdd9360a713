#include "core/atomic_file.h"

#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fstream>

// Disk failures at the n-th call are tested by tests/disk_test.py.
namespace puna {
namespace {

using Names = std::vector<std::string>;

TEST(AtomicFile, NewContentAppearsOnlyAtCommit) {
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

TEST(AtomicFile, PiecesOfAnySizeStayInOrder) {
    TestFolder folder;
    AtomicFile file(folder / "x");
    std::string all;
    for (size_t n : {1, 1 << 20, 1, (1 << 20) - 1, 40 << 20, 3, 2 << 20, 0, 5}) {
        std::string piece(n, static_cast<char>('a' + all.size() % 26));
        file.write(piece);
        all += piece;
    }
    file.commit();
    EXPECT_EQ(read_text(folder / "x"), all);
}

TEST(AtomicFile, WithoutCommitNothingChangesAndNoTemporaryRemains) {
    TestFolder folder;
    write_file(folder / "x", "old");
    { AtomicFile(folder / "x").write("new"); }
    EXPECT_EQ(read_text(folder / "x"), "old");
    EXPECT_EQ(folder.names(), Names{"x"});
}

TEST(AtomicFile, ConcurrentWritersDoNotInterleave) {
    TestFolder folder;
    AtomicFile first(folder / "x"), second(folder / "x");
    first.write("first");
    second.write("second");
    second.commit();
    first.commit();
    EXPECT_EQ(read_text(folder / "x"), "first");
}

// As in containers, where a process often has the number of an earlier one.
TEST(AtomicFile, TemporaryFilesOfAnEarlierProcessOfThisNumberAreNoObstacle) {
    TestFolder folder;
    std::filesystem::path used = temporary_name(folder / "x");
    int count = std::stoi(used.stem().extension().string().substr(1));
    for (int i = 1; i <= 5; ++i)
        std::ofstream(folder / fmt::format("x.{}.{}.new", ::getpid(), count + i)) << "leftover";
    write_file(folder / "x", "new");
    EXPECT_EQ(read_text(folder / "x"), "new");
    EXPECT_EQ(folder.names().size(), 6u);
}

TEST(AtomicFile, CommittingTwiceIsABug) {
    TestFolder folder;
    AtomicFile file(folder / "x");
    file.commit();
    EXPECT_THROW(file.commit(), Bug);
}

TEST(AtomicFile, MissingFolderErrorNamesThePath) {
    TestFolder folder;
    EXPECT_EQ(error_of([&] { AtomicFile file(folder / "no/x"); }),
              (folder / "no/x").string() + ": cannot create: No such file or directory");
}

TEST(AtomicFile, TargetThatIsAFolderIsAnErrorAndNoTemporaryRemains) {
    TestFolder folder;
    make_folder(folder / "x/y");
    EXPECT_THROW(write_file(folder / "x", "text"), Error);
    EXPECT_EQ(folder.names(), Names{"x"});
}

TEST(AtomicFile, SymbolicLinksArePreservedAndTheirTargetIsReplaced) {
    TestFolder folder;
    make_folder(folder / "target");
    write_file(folder / "target/x", "old");
    std::filesystem::create_symlink("target/x", folder / "second");
    std::filesystem::create_symlink(folder / "second", folder / "first");
    std::filesystem::create_symlink("target/new", folder / "dangling");
    std::filesystem::create_symlink("circle", folder / "circle");
    write_file(folder / "first", "new");
    write_file(folder / "dangling", "created");
    EXPECT_EQ(read_text(folder / "target/x"), "new");
    EXPECT_EQ(read_text(folder / "target/new"), "created");
    for (const char* link : {"first", "second", "dangling"})
        EXPECT_TRUE(std::filesystem::is_symlink(folder / link)) << link;
    EXPECT_THROW(write_file(folder / "circle", ""), Error);
    EXPECT_EQ(folder.names(), (Names{"circle", "dangling", "first", "second", "target"}));
}

TEST(AtomicFile, PipesAreWrittenDirectlyAndNotReplaced) {
    TestFolder folder;
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    int reader = ::open((folder / "pipe").c_str(), O_RDONLY | O_NONBLOCK);
    std::filesystem::create_symlink("pipe", folder / "link");
    write_file(folder / "pipe", "some");
    write_file(folder / "link", "more");
    char text[20];
    EXPECT_EQ(std::string(text, static_cast<size_t>(std::max<ssize_t>(::read(reader, text, sizeof text), 0))),
              "somemore");
    EXPECT_EQ(::read(reader, text, sizeof text), 0) << "end of file";
    ::close(reader);
    EXPECT_TRUE(std::filesystem::is_fifo(folder / "pipe"));
    EXPECT_EQ(folder.names(), (Names{"link", "pipe"}));
}

TEST(AtomicFile, DevicesAreWrittenDirectlyAndNotReplaced) {
    TestFolder folder;
    constexpr int null[] = {1, 3}, full[] = {1, 7};  // on Linux
    bool created = ::mknod((folder / "null").c_str(), S_IFCHR | 0600, ::makedev(null[0], null[1])) == 0 &&
                   ::mknod((folder / "full").c_str(), S_IFCHR | 0600, ::makedev(full[0], full[1])) == 0;
    if (!created || ::access((folder / "null").c_str(), W_OK) != 0)
        GTEST_SKIP() << "this system does not allow device files: root is needed";
    write_file(folder / "null", "gone");
    EXPECT_THROW(write_file(folder / "full", "too much"), Error);
    for (const char* name : {"null", "full"}) EXPECT_TRUE(std::filesystem::is_character_file(folder / name)) << name;
    EXPECT_EQ(folder.names(), (Names{"full", "null"}));
}

TEST(Folders, FailuresToRenameCreateOrSyncAreErrors) {
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

TEST(TemporaryNames, AreRecognizedAgain) {
    std::optional<TemporaryName> name = parse_temporary_name(temporary_name("out/packed.v2").filename().string());
    ASSERT_TRUE(name);
    EXPECT_EQ(name->target, "packed.v2");
    EXPECT_EQ(name->process, ::getpid());
    for (const char* other : {"packed", "packed.new", "packed.12.new", "packed.12.x.new", "packed.x.0.new", ".12.0.new",
                              "packed.12.0", "packed.99999999999.0.new", "packed.-3.0.new"})
        EXPECT_FALSE(parse_temporary_name(other)) << other;
}

}  // namespace
}  // namespace puna
