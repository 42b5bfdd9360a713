// data/byte_stream.h — the bytes of a file piece by piece, decompressed if its name ends in .gz or .zst.
//
//   ByteStream stream("stories.txt.zst");
//   while (size_t n = stream.read(buffer)) use(buffer.first(n));
//
// Reads all members of a .gz and all frames of a .zst, except skippable ones. Zeros after the last gzip member are
// padding; any other trailing bytes are an error. Takes the same memory for any file, except that a frame of zstd may
// ask for a window of up to 2 GiB. Throws Error with the path when the file cannot be read, is not what its name says,
// is damaged, or ends in the middle of compressed data.
#pragma once
#include "core/hash.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace puna {

std::string kind_of(const std::filesystem::path& path);  // its extension in small letters: ".gz" of A.TXT.GZ

class ByteStream {
 public:
    explicit ByteStream(const std::filesystem::path& path);
    ~ByteStream();
    ByteStream(const ByteStream&) = delete;

    size_t read(std::span<char> into);               // 0 at the end
    int64_t consumed() const { return consumed_; }   // bytes of the file itself
    uint64_t hash() const { return hash_.value(); }  // of them

 private:
    struct Gzip;
    struct Zstd;
    bool fill();
    size_t read_raw(std::span<char> into);
    size_t inflate(std::span<char> into);
    size_t decompress(std::span<char> into);
    bool skip_zeros();
    [[noreturn]] void fail_zstd(size_t result) const;
    [[noreturn]] void fail_truncated(const char* format) const;
    [[noreturn]] void fail_unrecognized(const char* format, int64_t begin) const;
    [[noreturn]] void fail_corrupt(const char* format, const char* reason) const;
    int64_t place() const { return consumed_ - static_cast<int64_t>(waiting_.size()); }

    std::string path_;
    int descriptor_;
    Hash hash_;
    int64_t consumed_ = 0;
    std::vector<char> buffer_;  // of compressed bytes
    std::span<char> waiting_;   // of the buffer, not used yet
    std::unique_ptr<Gzip> gzip_;
    std::unique_ptr<Zstd> zstd_;
};

}  // namespace puna
