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
    const char *name, *format;
    std::string (*compress)(std::string_view);
};
const Kind kinds[] = {{"x.gz", "gzip", gzipped}, {"x.zst", "zstd", zstandard}};

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
        for (size_t size = 0; size < whole.size(); ++size) {
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
        EXPECT_NE(message.find("data, whatever its name says: rename it"), message.npos) << message;
    }
    std::string bytes = gzipped(some_text(1, 4000));
    bytes[bytes.size() / 2] ^= 16;
    write_file(folder / "x.gz", bytes);
    EXPECT_NE(error_of([&] { read_all(folder / "x.gz"); }).find("gzip data is damaged near byte"), std::string::npos);
}

TEST(ByteStream, WhatFollowsTheDataIsNamedAndNeverPassedOver) {
    TestFolder folder;
    for (const Kind& kind : kinds) {
        std::string whole = kind.compress(some_text(1, 400));
        write_file(folder / kind.name, whole + "trailing rubbish");
        std::string message = error_of([&] { read_all(folder / kind.name); });
        EXPECT_NE(
            message.find(fmt::format("trailing bytes after the {} data, from byte {}", kind.format, whole.size())),
            message.npos)
            << message;
    }
    std::string member = gzipped("one ");
    write_file(folder / "x.gz", member + std::string(1000, '\0'));
    EXPECT_EQ(read_all(folder / "x.gz"), "one ");
    write_file(folder / "x.gz", member + std::string(1000, '\0') + member);
    EXPECT_NE(error_of([&] { read_all(folder / "x.gz"); }).find("trailing bytes after the gzip data"),
              std::string::npos);
}

TEST(ByteStream, SkippableFramesAreLeftOut) {
    TestFolder folder;
    std::string skippable("\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
    write_file(folder / "x.zst", skippable + zstandard("one ") + skippable + zstandard("two") + skippable);
    EXPECT_EQ(read_all(folder / "x.zst"), "one two");
}

// As `zstd --ultra --long=31` makes of a pipe.
TEST(ByteStream, AWindowOfTwoGibibytesIsRead) {
    TestFolder folder;
    std::string text = some_text(1, 400), packed(ZSTD_compressBound(text.size()) + 100, '\0');
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 31);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    ZSTD_inBuffer in{text.data(), text.size(), 0}, none{nullptr, 0, 0};
    ZSTD_outBuffer out{packed.data(), packed.size(), 0};
    ASSERT_FALSE(ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush)));
    ASSERT_EQ(ZSTD_compressStream2(context, &out, &none, ZSTD_e_end), 0u);
    ZSTD_freeCCtx(context);
    ASSERT_EQ(packed[5] & 0xf8, (31 - 10) << 3 & 0xf8);  // the frame's window
    write_file(folder / "x.zst", std::string_view(packed).substr(0, out.pos));
    EXPECT_EQ(read_all(folder / "x.zst"), text);
}

TEST(ByteStream, AFrameThatNeedsADictionarySaysSo) {
    TestFolder folder;
    write_file(folder / "x.zst", std::string_view("\x28\xb5\x2f\xfd\x21\x07\x03\x19\x00\x00hey", 13));
    std::string message = error_of([&] { read_all(folder / "x.zst"); });
    EXPECT_NE(message.find("was compressed with a dictionary"), message.npos) << message;
}

TEST(ByteStream, WhatCannotBeOpenedOrReadIsAnError) {
    TestFolder folder;
    EXPECT_EQ(error_of([&] { ByteStream stream("no such file"); }),
              "no such file: cannot open: No such file or directory");
    EXPECT_NE(error_of([&] { read_all(folder.path()); }).find("cannot read: Is a directory"), std::string::npos);
}

}  // namespace puna
