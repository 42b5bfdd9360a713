#include "data/byte_stream.h"

#include "core/atomic_file.h"
#include "data/test_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <fstream>

namespace puna {

namespace {

using testing::HasSubstr;

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

std::string read_all(const std::filesystem::path& path, size_t read_size = 100000) {
    ByteStream stream(path);
    std::string text, buffer(read_size, '\0');
    while (size_t n = stream.read(buffer)) text.append(buffer, 0, n);
    EXPECT_EQ(stream.consumed(), static_cast<int64_t>(std::filesystem::file_size(path)));
    return text;
}

struct Compression {
    const char *name, *format;
    std::string (*compress)(std::string_view);
};
const Compression compressions[] = {{"x.gz", "gzip", gzipped}, {"x.zst", "zstd", zstandard}};

}  // namespace

TEST(ByteStream, DecompressesWithAnyReadSize) {
    TestFolder folder;
    std::string text = some_text(1, 50000);
    for (const Compression& c : compressions) {
        write_file(folder / c.name, c.compress(text));
        for (size_t size : {1000u, 4096u, 1u << 22}) EXPECT_EQ(read_all(folder / c.name, size), text) << c.name;
    }
    write_file(folder / "x.txt", text);
    EXPECT_EQ(read_all(folder / "x.txt", 777), text);
}

TEST(ByteStream, ConcatenatedMembersAreAllRead) {
    TestFolder folder;
    for (const Compression& c : compressions) {
        write_file(folder / c.name, c.compress("one ") + c.compress("") + c.compress("two"));
        EXPECT_EQ(read_all(folder / c.name), "one two") << c.name;
    }
}

TEST(ByteStream, ATruncatedFileIsAnErrorAtEveryLength) {
    TestFolder folder;
    for (const Compression& c : compressions) {
        std::string whole = c.compress(some_text(1, 40));
        for (size_t size = 0; size < whole.size(); ++size) {
            std::ofstream(folder / c.name) << whole.substr(0, size);
            std::string message = error_of([&] { read_all(folder / c.name); });
            ASSERT_THAT(message, HasSubstr(": truncated: ")) << c.name << " " << size << ": " << message;
            ASSERT_THAT(message, HasSubstr(c.name));
            ASSERT_EQ(error_kind_of([&] { read_all(folder / c.name); }), ErrorKind::damaged);
        }
    }
}

TEST(ByteStream, OtherFormatsAndCorruptDataAreErrors) {
    TestFolder folder;
    for (const Compression& c : compressions) {
        write_file(folder / c.name, "this is plain text despite its extension");
        std::string message = error_of([&] { read_all(folder / c.name); });
        EXPECT_THAT(message, HasSubstr("data despite its extension: rename"));
    }
    std::string bytes = gzipped(some_text(1, 4000));
    bytes[bytes.size() / 2] ^= 16;
    write_file(folder / "x.gz", bytes);
    EXPECT_THAT(error_of([&] { read_all(folder / "x.gz"); }), HasSubstr("gzip data is damaged near byte"));
}

TEST(ByteStream, AMissingDictionaryIsNamedAsAPossibleReason) {
    TestFolder folder;
    std::string text = some_text(1, 40), dictionary = text, packed(ZSTD_compressBound(text.size()), '\0');
    ZSTD_CCtx* context = ZSTD_createCCtx();
    size_t size = ZSTD_compress_usingDict(context, packed.data(), packed.size(), text.data(), text.size(),
                                          dictionary.data(), dictionary.size(), 3);
    ZSTD_freeCCtx(context);
    ASSERT_FALSE(ZSTD_isError(size));
    write_file(folder / "x.zst", packed.substr(0, size));
    std::string message = error_of([&] { read_all(folder / "x.zst"); });
    EXPECT_THAT(message, HasSubstr("dictionary"));
}

TEST(ByteStream, TrailingBytesAreReportedAndNeverSkipped) {
    TestFolder folder;
    for (const Compression& c : compressions) {
        std::string whole = c.compress(some_text(1, 400));
        write_file(folder / c.name, whole + "trailing garbage");
        std::string message = error_of([&] { read_all(folder / c.name); });
        EXPECT_THAT(message,
                    HasSubstr(fmt::format("trailing bytes after the {} data, from byte {}", c.format, whole.size())));
    }
    std::string member = gzipped("one ");
    write_file(folder / "x.gz", member + std::string(1000, '\0'));
    EXPECT_EQ(read_all(folder / "x.gz"), "one ");
    write_file(folder / "x.gz", member + "\n");
    EXPECT_THAT(error_of([&] { read_all(folder / "x.gz"); }), HasSubstr("trailing bytes after the gzip data"));
    write_file(folder / "x.gz", member + std::string(1000, '\0') + member);
    EXPECT_THAT(error_of([&] { read_all(folder / "x.gz"); }), HasSubstr("trailing bytes after the gzip data"));
}

TEST(ByteStream, SkippableFramesAreSkipped) {
    TestFolder folder;
    std::string skippable("\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
    write_file(folder / "x.zst", skippable + zstandard("one ") + skippable + zstandard("two") + skippable);
    EXPECT_EQ(read_all(folder / "x.zst"), "one two");
}

// As `zstd --ultra --long=31` writes from a pipe.
TEST(ByteStream, ATwoGibibyteWindowIsSupported) {
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

TEST(ByteStream, AFrameThatNeedsADictionaryIsReported) {
    TestFolder folder;
    write_file(folder / "x.zst", std::string_view("\x28\xb5\x2f\xfd\x21\x07\x03\x19\x00\x00hey", 13));
    std::string message = error_of([&] { read_all(folder / "x.zst"); });
    EXPECT_THAT(message, HasSubstr("was compressed with a dictionary"));
}

// Its first block continues the dictionary's Huffman table, and the frame has no id of a dictionary.
TEST(ByteStream, AFrameThatNeedsADictionaryWithoutAnIdIsReported) {
    TestFolder folder;
    constexpr std::string_view frame("\x28\xb5\x2f\xfd\x20\x03\x2d\x00\x00\x33\x40\x00\x80\x00", 14);
    write_file(folder / "x.zst", frame);
    std::string message = error_of([&] { read_all(folder / "x.zst"); });
    EXPECT_THAT(message, HasSubstr("was compressed with a dictionary"));
}

TEST(ByteStream, UnreadableFilesAreErrors) {
    TestFolder folder;
    EXPECT_EQ(error_of([&] { ByteStream stream("no such file"); }),
              "no such file: cannot open: No such file or directory");
    EXPECT_THAT(error_of([&] { read_all(folder.path()); }), HasSubstr("cannot read: Is a directory"));
}

}  // namespace puna
