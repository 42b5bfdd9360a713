// data/byte_stream.h — streams the bytes of a file, decompressed if its name ends in .gz or .zst.
//
//   ByteStream stream("stories.txt.zst");
//   while (size_t n = stream.read(buffer)) use(buffer.first(n));
//
// Reads all members of a .gz and all frames of a .zst; skippable frames are skipped. Zeros after the last gzip member
// are padding; any other trailing bytes are an error. Memory use is constant, except that a zstd frame may require a
// window of up to 2 GiB. Throws Error with the path if the file cannot be read, does not match its extension, is
// damaged, or ends inside compressed data.
#pragma once
#include "core/hash.h"
#include "data/input_descriptor.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace puna {

std::string lower_extension(const std::filesystem::path& path);  // ".gz" for A.TXT.GZ

class ByteStream {
 public:
    // name: of what is read, in messages; empty: the path.
    explicit ByteStream(const std::filesystem::path& path, const std::string& name = {}, CheckStop check_stop = {});
    ~ByteStream();
    ByteStream(const ByteStream&) = delete;

    size_t read(std::span<char> into);               // bytes written to `into`; 0 at the end
    int64_t consumed() const { return consumed_; }   // bytes read from the file, still compressed
    uint64_t hash() const { return hash_.value(); }  // of the consumed bytes

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
    int64_t offset() const { return consumed_ - static_cast<int64_t>(unread_.size()); }

    std::string path_;
    InputDescriptor input_;
    Hash hash_;
    int64_t consumed_ = 0;
    std::vector<char> buffer_;  // compressed input
    std::span<char> unread_;    // unread part of buffer_
    std::unique_ptr<Gzip> gzip_;
    std::unique_ptr<Zstd> zstd_;
};

}  // namespace puna
