#include "core/mapped_file.h"

#include "core/atomic_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "core/test_resident.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

namespace puna {
namespace {

TEST(MappedFile, BytesAreTheContentOfTheFile) {
    TestFolder folder;
    write_file(folder / "x", std::string("a\0b", 3));
    MappedFile file(folder / "x");
    EXPECT_EQ(file.text(), std::string_view("a\0b", 3));
    EXPECT_EQ(file.bytes().size(), 3u);
    EXPECT_EQ(file.path(), folder / "x");
}

TEST(MappedFile, EmptyFileHasNoBytes) {
    TestFolder folder;
    write_file(folder / "x", "");
    EXPECT_TRUE(MappedFile(folder / "x").bytes().empty());
    EXPECT_EQ(read_text(folder / "x"), "");
}

TEST(MappedFile, MovingKeepsTheBytes) {
    TestFolder folder;
    write_file(folder / "x", "one");
    write_file(folder / "y", "two");
    MappedFile x(folder / "x"), moved(std::move(x)), y(folder / "y");
    EXPECT_EQ(moved.text(), "one");
    moved = std::move(y);
    EXPECT_EQ(moved.text(), "two");
}

TEST(MappedFile, ReplacingTheFileDoesNotChangeAnExistingMapping) {
    TestFolder folder;
    write_file(folder / "x", "old");
    MappedFile file(folder / "x");
    write_file(folder / "x", "new and longer");
    EXPECT_EQ(file.text(), "old");
}

TEST(MappedFile, AFileThatLosesLessThanAPageHasChanged) {
    TestFolder folder;
    write_file(folder / "x", "content");
    {
        MappedFile file(folder / "x");
        file.check_unchanged();
        std::filesystem::resize_file(folder / "x", 5);
        EXPECT_TRUE(file.changed());
        EXPECT_EQ(error_of([&] { file.check_unchanged(); }), (folder / "x").string() + ": " + changed_in_use);
        EXPECT_EQ(changed_mapping(), "");
    }
    EXPECT_EQ(changed_mapping(), (folder / "x").string());
}

TEST(MappedFile, LostPagesReadAsZerosAndTheProgramLives) {
    recover_lost_pages();
    TestFolder folder;
    std::string text(1 << 20, 'a');
    write_file(folder / "x", text);
    write_file(folder / "y", text);
    MappedFile x(folder / "x"), y(folder / "y");
    MappingWatch watch_x, watch_y;
    watch_x.add(x.bytes().data() + 5);
    watch_y.add(y.bytes().data());
    watch_y.add(&text);
    EXPECT_EQ(x.text(), text);
    std::filesystem::resize_file(folder / "x", 100'000);
    auto count = [](std::string_view part) { return std::count(part.begin(), part.end(), 'a'); };
    std::vector<std::jthread> readers;  // all of them lose their page at once
    for (size_t i = 0; i < 8; ++i)
        readers.emplace_back([&x, &count, i] { EXPECT_EQ(count(x.text().substr((i + 8) << 16, 1 << 16)), 0); });
    readers.clear();
    EXPECT_EQ(count(x.text()), 100'000);
    std::filesystem::resize_file(folder / "x", 1 << 20);
    EXPECT_TRUE(x.changed()) << "also after it has grown again";
    EXPECT_EQ(error_of([&] { watch_x.check_unchanged(); }), (folder / "x").string() + ": " + changed_in_use);
    EXPECT_FALSE(y.changed());
    watch_y.check_unchanged();
    EXPECT_EQ(y.text(), text);
    MappedFile again(folder / "x");
    EXPECT_FALSE(again.changed()) << "a new mapping";
}

TEST(MappedFile, ErrorsNameThePath) {
    TestFolder folder;
    auto open_error = [](const std::filesystem::path& path) { return error_of([&] { MappedFile file(path); }); };
    EXPECT_EQ(open_error(folder / "none"), (folder / "none").string() + ": cannot open: No such file or directory");
    EXPECT_EQ(open_error(folder.path()), folder.path().string() + ": is not a regular file");
    EXPECT_EQ(error_kind_of([&] { MappedFile file(folder.path()); }), ErrorKind::damaged);
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(open_error(folder / "pipe"), (folder / "pipe").string() + ": is not a regular file")
        << "without blocking";
    EXPECT_THROW(read_text(folder / "none"), Error);
    EXPECT_THROW(read_text(folder.path()), Error);
}

TEST(MappedFile, MappedPathAtFindsTheFileOfAnAddress) {
    TestFolder folder;
    write_file(folder / "x\n", "one");
    write_file(folder / "y", "two");
    std::optional<MappedFile> x(folder / "x\n");
    MappedFile y(folder / "y");
    const std::byte *in_x = x->bytes().data() + 2, *in_y = y.bytes().data();
    EXPECT_EQ(std::string(mapped_path_at(in_x)), folder.path().string() + "/x\\x0a") << "one line";
    MappedFile moved(std::move(y));
    EXPECT_EQ(std::string(mapped_path_at(in_y)), (folder / "y").string());
    EXPECT_EQ(mapped_path_at(in_x + 1), nullptr) << "past the end";
    x.reset();
    EXPECT_EQ(mapped_path_at(in_x), nullptr);
    EXPECT_EQ(mapped_path_at(nullptr), nullptr);
}

TEST(MappedFile, DroppedPagesAreReadAgain) {
    TestFolder folder;
    std::string text(1 << 20, 'a');
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
    write_file(folder / "x", text);
    MappedFile file(folder / "x");
    ASSERT_EQ(file.text(), text);
    int64_t resident = resident_bytes_of(folder / "x");
    EXPECT_GE(resident, 1 << 20);
    drop_mapped_pages(file.bytes().subspan(100, 1 << 19));
    EXPECT_LE(resident_bytes_of(folder / "x"), resident - (1 << 19) + (2 << 16)) << "whole pages, of any size";
    EXPECT_GE(resident_bytes_of(folder / "x"), 1 << 18) << "those outside the range stay";
    EXPECT_EQ(file.text(), text);
    std::vector<std::byte> own(1 << 18, std::byte{5});
    drop_mapped_pages(own);
    EXPECT_EQ(std::count(own.begin(), own.end(), std::byte{5}), 1 << 18) << "memory that is no file's keeps its bytes";
}

TEST(ReadText, ReadsFilesPipesAndProcFilesCompletely) {
    TestFolder folder;
    std::string text(300'000, 'x');
    text[200'000] = '\0';
    write_file(folder / "x", text);
    std::string read = read_text(folder / "x");
    EXPECT_EQ(read, text);
    EXPECT_LT(read.capacity(), text.size() + 4096) << "no more than one copy of the file";
    EXPECT_FALSE(read_text("/proc/self/status").empty()) << "its reported size is 0";
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    std::jthread writer([&] { std::ofstream(folder / "pipe") << text; });
    EXPECT_EQ(read_text(folder / "pipe"), text);
}

}  // namespace
}  // namespace puna
