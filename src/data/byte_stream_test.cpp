#include "data/byte_stream.h"

#include "core/atomic_file.h"
#include "data/test_text.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <fstream>

namespace puna {

namespace {

std::string gzipped(std::string_view text) {
    z_stream z{};
    ::deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    std::string out(::deflateBound(&z, text.size()) + 32, '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    z.avail_in = static_cast<uInt>(text.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(::deflate(&z, Z_FINISH), Z_STREAM_END);
    out.resize(z.total_out);
    ::deflateEnd(&z);
    return out;
}

std::string zstandard(std::string_view text) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
}

std::string read_all(const std::filesystem::path& path, size_t piece = 100000) {
    ByteStream stream(path);
    std::string text, buffer(piece, '\0');
    while (size_t n = stream.read(buffer)) text.append(buffer, 0, n);
    EXPECT_EQ(stream.consumed(), static_cast<int64_t>(std::filesystem::file_size(path)));
    return text;
}

struct Kind {
    const char* name;
    std::string (*compress)(std::string_view);
};
const Kind kinds[] = {{"x.gz", gzipped}, {"x.zst", zstandard}};

}  // namespace

TEST(ByteStream, GivesWhatWasCompressedInPiecesOfAnySize) {
    TestFolder folder;
    std::string text = some_text(1, 50000);
    for (const Kind& kind : kinds) {
        write_file(folder / kind.name, kind.compress(text));
        for (size_t piece : {1000u, 4096u, 1u << 22}) EXPECT_EQ(read_all(folder / kind.name, piece), text) << kind.name;
    }
    write_file(folder / "x.txt", text);
    EXPECT_EQ(read_all(folder / "x.txt", 777), text);
}

TEST(ByteStream, MembersFollowEachOther) {
    TestFolder folder;
    for (const Kind& kind : kinds) {
        write_file(folder / kind.name, kind.compress("one ") + kind.compress("") + kind.compress("two"));
        EXPECT_EQ(read_all(folder / kind.name), "one two") << kind.name;
    }
}

TEST(ByteStream, AFileThatIsCutAnywhereIsAnError) {
    TestFolder folder;
    for (const Kind& kind : kinds) {
        std::string whole = kind.compress(some_text(1, 40));
        for (size_t size = 1; size < whole.size(); ++size) {
            std::ofstream(folder / kind.name) << whole.substr(0, size);
            std::string message = error_of([&] { read_all(folder / kind.name); });
            ASSERT_NE(message.find("is cut short"), message.npos) << kind.name << " " << size << ": " << message;
            ASSERT_NE(message.find(kind.name), message.npos) << message;
        }
    }
}

TEST(ByteStream, ForeignAndDamagedBytesAreErrors) {
    TestFolder folder;
    for (const Kind& kind : kinds) {
        write_file(folder / kind.name, "this is plain text, whatever its name says");
        std::string message = error_of([&] { read_all(folder / kind.name); });
        EXPECT_NE(message.find("data, or damaged, near byte "), message.npos) << message;
        std::string bytes = kind.compress(some_text(1, 400));
        bytes += "trailing rubbish";
        write_file(folder / kind.name, bytes);
        message = error_of([&] { read_all(folder / kind.name); });
        EXPECT_NE(message.find("or damaged, near byte"), message.npos) << message;
    }
    std::string bytes = gzipped(some_text(1, 4000));
    bytes[bytes.size() / 2] ^= 16;
    write_file(folder / "x.gz", bytes);
    EXPECT_NE(error_of([&] { read_all(folder / "x.gz"); }), "no error");
}

TEST(ByteStream, WhatCannotBeOpenedOrReadIsAnError) {
    TestFolder folder;
    EXPECT_EQ(error_of([&] { ByteStream stream("no such file"); }),
              "no such file: cannot open: No such file or directory");
    EXPECT_NE(error_of([&] { read_all(folder.path()); }).find("cannot read: Is a directory"), std::string::npos);
}

}  // namespace puna
