// files/zip_writer.h — writes zip archives of stored entries, as files/zip.h reads them.
//
//   ZipWriter writer("consolidated.00.pth");
//   writer.begin("archive/data/0", {.bytes = size, .checksum = crc});     // crc32() of zlib, of all its bytes
//   writer.write(bytes);                                                  // as often as needed
//   writer.commit();
//
// The data of each entry begins at a multiple of 64 bytes, so that it can be mapped: headers are padded as torch.save
// pads them. Sizes and places that need it are in zip64 fields. Source: PKWARE, APPNOTE.TXT.
#pragma once
#include "core/atomic_file.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct ZipContent {
    uint64_t bytes = 0;
    uint32_t checksum = 0;
};

class ZipWriter {
 public:
    explicit ZipWriter(const std::filesystem::path& path) : file_(path) {}

    void begin(std::string_view name, const ZipContent& content);  // of the next entry
    void write(std::span<const std::byte> bytes);
    void add(std::string_view name, std::string_view text);  // an entry in one call
    void commit();                                           // the file appears, complete

 private:
    struct Listed {
        std::string name;
        ZipContent content;
        uint64_t begin = 0;  // of its header
    };
    void append(std::string_view bytes);

    AtomicFile file_;
    std::vector<Listed> entries_;
    uint64_t written_ = 0, left_ = 0;  // left: of the current entry
};

uint32_t checksum_of(std::span<const std::byte> bytes, uint32_t before = 0);  // before: of what precedes them

}  // namespace puna
