#include "files/zip.h"

#include "core/test_error.h"
#include "files/test_zip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>

namespace puna {
namespace {

using testing::HasSubstr;

ZipArchive open(const std::string& bytes) { return ZipArchive(std::as_bytes(std::span(bytes)), "x.pth"); }
std::string open_error(const std::string& bytes) {
    return error_of([&] { open(bytes); });
}

std::string text_of(const ZipEntry* entry) {
    return entry ? std::string(reinterpret_cast<const char*>(entry->bytes.data()), entry->bytes.size()) : "none";
}

const std::vector<std::pair<std::string, std::string>> parts = {
    {"a/data.pkl", "pickle"}, {"a/data/0", "1234"}, {"a/data/1", ""}, {"a/data/10", "0123456789"}};

// The archive of `parts` with one number changed.
template <class T>
std::string changed(size_t(place)(const TestZip&), size_t offset, T number, TestZipOptions options = {}) {
    TestZip zip = make_zip(parts, options);
    set_number(zip.bytes, place(zip) + offset, number);
    return open_error(zip.bytes);
}
size_t local_0(const TestZip& zip) { return zip.local[1]; }
size_t central_0(const TestZip& zip) { return zip.central[1]; }
size_t end(const TestZip& zip) { return zip.end; }

TEST(Zip, EntriesAreSpansOfTheFileFoundByName) {
    for (bool sizes_follow : {false, true})
        for (bool zip64 : {false, true}) {
            std::string bytes = make_zip(parts, {sizes_follow, zip64}).bytes;
            ZipArchive archive = open(bytes);
            ASSERT_EQ(archive.entries().size(), 4u);
            for (const auto& [name, data] : parts) EXPECT_EQ(text_of(archive.find(name)), data) << name;
            EXPECT_EQ(archive.find("a/data/"), nullptr);
            EXPECT_EQ(archive.entries()[3].name, "a/data/10") << "sorted";
            const char* data = reinterpret_cast<const char*>(archive.find("a/data/0")->bytes.data());
            EXPECT_TRUE(data >= bytes.data() && data < bytes.data() + bytes.size());
        }
}

TEST(Zip, EntriesBeyond4GiBAreFound) {
    constexpr uint64_t hole = uint64_t{5} << 30;
    TestZip zip = make_zip({{"a/0", "12"}, {"a/1", "345"}}, {.zip64 = true, .hole = hole});
    size_t size = zip.bytes.size() + hole;
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    char* bytes = static_cast<char*>(memory);
    std::copy_n(zip.bytes.data(), zip.hole_at, bytes);
    std::copy(zip.bytes.begin() + static_cast<std::ptrdiff_t>(zip.hole_at), zip.bytes.end(),
              bytes + zip.hole_at + hole);
    {
        ZipArchive archive(std::as_bytes(std::span(bytes, size)), "x.pth");
        EXPECT_EQ(archive.find("a/0")->bytes.size(), hole + 2);
        EXPECT_EQ(text_of(archive.find("a/1")), "345");
    }
    ::munmap(memory, size);
}

TEST(Zip, OtherFilesAndCutArchivesAreRejected) {
    std::string bytes = make_zip(parts).bytes;
    EXPECT_THAT(open_error(""), HasSubstr("x.pth: is not a zip archive"));
    EXPECT_THAT(open_error("GGUF"), HasSubstr("x.pth: is not a zip archive"));
    EXPECT_THAT(open_error(bytes.substr(0, 100)), HasSubstr("does not end with a zip directory: it is truncated"));
    for (bool zip64 : {false, true}) {
        std::string whole = make_zip(parts, {.zip64 = zip64}).bytes;
        for (size_t n = 0; n < whole.size(); ++n) EXPECT_NE(open_error(whole.substr(0, n)), "no error") << n;
    }
    EXPECT_THAT(open_error(bytes + "more"), HasSubstr("does not end with a zip directory"));
    EXPECT_THAT(open_error(make_zip({}).bytes), HasSubstr("is not a zip archive"));
    EXPECT_THAT(open_error("PK\x03\x04" + bytes), HasSubstr("the zip directory is not where it says"));
    std::string shifted = bytes;
    shifted.insert(make_zip(parts).central[0], "0123");
    EXPECT_THAT(open_error(shifted), HasSubstr("the zip directory is not where it says"))
        << "bytes before the directory";
}

TEST(Zip, TheFirstEntryBeginsWithTheFile) {
    TestZip zip = make_zip(parts);
    for (size_t i = 0; i < parts.size(); ++i)
        set_number(zip.bytes, zip.central[i] + 42, static_cast<uint32_t>(zip.local[i] + 4));
    set_number(zip.bytes, zip.end + 16, static_cast<uint32_t>(zip.central[0] + 4));
    EXPECT_THAT(open_error("PK\x03\x04" + zip.bytes), HasSubstr("does not begin with an entry of its zip directory"));
}

TEST(Zip, OnlyStoredEntriesAreSupported) {
    EXPECT_THAT(changed<uint16_t>(central_0, 10, 8),
                HasSubstr("x.pth: zip entry 'a/data/0': is compressed (method 8), but only stored entries are "
                          "supported: save it again with torch.save"));
    EXPECT_THAT(changed<uint32_t>(central_0, 20, 3),
                HasSubstr("is stored with two sizes, 3 and 4: download or copy it again"));
    EXPECT_THAT(changed<uint16_t>(central_0, 8, 1), HasSubstr("zip entry 'a/data/0': is encrypted"));
    EXPECT_THAT(changed<uint16_t>(central_0, 8, 1 << 13), HasSubstr("unsupported flags (0x2000)"));
}

TEST(Zip, HeadersMustAgreeWithTheDirectory) {
    const char *size = "zip entry 'a/data/0': has one size in its header and another in the directory",
               *others = "zip entry 'a/data/0': has other flags, method or checksum in its header",
               *missing = "zip entry 'a/data/0': its size or place should be in a zip64 field, which is missing";
    EXPECT_THAT(changed<uint16_t>(local_0, 6, 0x800), HasSubstr(others));
    EXPECT_THAT(changed<uint16_t>(local_0, 8, 8), HasSubstr(others));
    EXPECT_THAT(changed<uint32_t>(local_0, 14, 5), HasSubstr(others));
    EXPECT_THAT(changed<uint32_t>(local_0, 18, 5), HasSubstr(size));
    EXPECT_THAT(changed<uint32_t>(local_0, 22, 5), HasSubstr(size));
    EXPECT_THAT(changed<uint32_t>(local_0, 22, 0xffffffff), HasSubstr(size));
    EXPECT_THAT(changed<uint32_t>(local_0, 0, 0), HasSubstr("zip entry 'a/data/0': has no header at byte 46"));
    EXPECT_THAT(changed<uint16_t>(local_0, 26, 7), HasSubstr("is named 'a/data/' in its header"));
    EXPECT_THAT(changed<uint16_t>(local_0, 28, 60000), HasSubstr("has no header at byte 46"));
    EXPECT_THAT(changed<char>(local_0, 30, 'b'), HasSubstr("is named 'b/data/0' in its header"));
    EXPECT_THAT(changed<uint32_t>(central_0, 20, 0xffffffff), HasSubstr(missing));
    EXPECT_THAT(changed<uint32_t>(central_0, 42, 0xffffffff), HasSubstr(missing));
    TestZipOptions zip64{.zip64 = true}, sizes_follow{.sizes_follow = true};
    EXPECT_THAT(changed<uint64_t>(local_0, 30 + 8 + 4, 5, zip64), HasSubstr(size));
    EXPECT_THAT(changed<uint16_t>(local_0, 30 + 8, 2, zip64), HasSubstr(size)) << "another extra field";
    EXPECT_THAT(changed<uint16_t>(local_0, 30 + 8 + 2, 17, zip64), HasSubstr(size)) << "longer than the extra field";
    EXPECT_THAT(changed<uint16_t>(central_0, 46 + 8 + 2, 16, zip64), HasSubstr(missing));
    EXPECT_THAT(changed<uint32_t>(local_0, 18, 3, sizes_follow), HasSubstr(size));
}

TEST(Zip, EntriesLieInTheFileAndDoNotOverlap) {
    auto with_size = [](size_t entry, uint32_t size) {
        TestZip zip = make_zip(parts);
        for (size_t field : {20u, 24u}) set_number(zip.bytes, zip.central[entry] + field, size);
        for (size_t field : {18u, 22u}) set_number(zip.bytes, zip.local[entry] + field, size);
        return open_error(zip.bytes);
    };
    EXPECT_THAT(with_size(1, 1000), HasSubstr("zip entry 'a/data/0': its 1000 bytes go beyond the end of the file"));
    EXPECT_THAT(with_size(1, 10), HasSubstr("zip entries 'a/data/0' and 'a/data/1' overlap"));
    EXPECT_THAT(with_size(3, 20), HasSubstr("zip entry 'a/data/10' overlaps the directory"));
    EXPECT_THAT(changed<uint32_t>(central_0, 42, 1), HasSubstr("zip entry 'a/data/0': has no header at byte 1"));
    EXPECT_THAT(changed<uint32_t>(central_0, 42, 0xffffff), HasSubstr("has no header at byte 16777215"));
}

TEST(Zip, NamesAreUniqueAndStayInside) {
    EXPECT_THAT(open_error(make_zip({{"a", "1"}, {"a", "2"}}).bytes), HasSubstr("zip entry 'a' is there twice"));
    for (std::string name : {"../a", "a/../../b", "/a", "a\\b", "..", ""})
        EXPECT_THAT(open_error(make_zip({{name, "1"}}).bytes), HasSubstr("its name leads out of the archive")) << name;
    EXPECT_EQ(open_error(make_zip({{"a..b/c..", "1"}}).bytes), "no error");
}

TEST(Zip, TheDirectoryHasTheAnnouncedEntries) {
    TestZipOptions zip64{.zip64 = true};
    const char *place = "the zip directory is not where it says",
               *ends = "the zip directory has two ends that do not agree";
    EXPECT_THAT(changed<uint32_t>(end, 8, 9 << 16 | 9),
                HasSubstr("the zip directory announces 9 entries in 219 bytes"));
    EXPECT_THAT(changed<uint32_t>(end, 8, 3 << 16 | 3), HasSubstr("the zip directory has more entries than it says"));
    EXPECT_THAT(changed<uint32_t>(end, 8, 0), HasSubstr("the zip directory has more entries than it says"));
    std::string none = "PK\x03\x04" + make_zip({}).bytes;
    set_number<uint32_t>(none, none.size() - 6, 4);  // where the directory begins
    EXPECT_THAT(open_error(none), HasSubstr("the zip directory has no entries"));
    EXPECT_THAT(changed<uint16_t>(end, 8, 3), HasSubstr(place)) << "on several disks";
    EXPECT_THAT(changed<uint32_t>(end, 12, 5), HasSubstr(place));
    EXPECT_THAT(changed<uint32_t>(end, 16, 5), HasSubstr(place));
    EXPECT_THAT(changed<uint64_t>(end, 40, 5, zip64), HasSubstr(ends));
    EXPECT_THAT(changed<uint64_t>(end, 32, uint64_t{1} << 60, zip64), HasSubstr(ends));
    EXPECT_THAT(changed<uint64_t>(end, 56 + 8, 5, zip64), HasSubstr(ends)) << "the locator points elsewhere";
    TestZip more = make_zip(parts, {.zip64 = true});
    for (size_t field : {24u, 32u}) set_number<uint64_t>(more.bytes, more.end + field, 5);
    for (size_t field : {8u, 10u}) set_number<uint16_t>(more.bytes, more.end + 56 + 20 + field, 5);
    EXPECT_THAT(open_error(more.bytes), HasSubstr("the zip directory breaks off after 4 entries"));
}

TEST(Zip, CorruptedArchivesNeverCrash) {
    for (bool zip64 : {false, true}) {
        std::string original = make_zip(parts, {.zip64 = zip64}).bytes;
        for (size_t at = 0; at < original.size(); ++at)
            for (int bit = 0; bit < 8; ++bit) {
                std::string bytes = original;
                bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
                open_error(bytes);
            }
    }
}

}  // namespace
}  // namespace puna
