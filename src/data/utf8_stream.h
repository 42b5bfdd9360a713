// data/utf8_stream.h — streams a file as UTF-8, whatever its encoding and compression (data/byte_stream.h).
//
//   Utf8Stream stream("novel.txt.gz", "windows-1252");        // the second: unless a byte order mark says otherwise
//   std::string text;
//   for (bool more = true; more;) more = stream.read(text, 1 << 20);          // appends
//
// A byte order mark decides the encoding and is removed. Without a mark and an encoding the bytes are taken for UTF-8,
// as they are: nothing here checks them. Throws Error as ByteStream, and for bytes of a kind that no encoding explains
// (data/text_kind.h).
#pragma once
#include "data/byte_stream.h"
#include "data/charset.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace puna {

class Utf8Stream {
 public:
    // name: of what is read, in messages; empty: the path. check_stop: as InputDescriptor's.
    Utf8Stream(const std::filesystem::path& path, const std::string& encoding, const std::string& name = {},
               CheckStop check_stop = {});

    // Appends at least `bytes` bytes; fewer, and returns false, at the end.
    bool read(std::string& text, size_t bytes);

    // What the bytes are converted from; empty: nothing, they are the file's, from mark_size() on.
    const std::string& encoding() const { return encoding_; }
    size_t mark_size() const { return mark_size_; }
    bool looks_like_utf8() const;  // converted, although the bytes read so far are UTF-8 with more than ASCII

    int64_t consumed() const { return bytes_.consumed(); }
    uint64_t hash() const { return bytes_.hash(); }

 private:
    void begin();
    void read_bytes(std::string& bytes, size_t wanted);
    void watch_for_utf8(std::string_view bytes);

    std::string name_;
    ByteStream bytes_;
    std::string encoding_;
    std::optional<CharsetDecoder> decoder_;
    size_t mark_size_ = 0;
    std::string beginning_;                        // read to find the mark, not returned yet
    bool begun_ = false, at_end_ = false;          // at_end_: of the file; what it holds is read
    bool all_utf8_ = true, beyond_ascii_ = false;  // of the bytes that are converted
    std::string utf8_tail_;                        // an incomplete character
};

}  // namespace puna
