// files/zip.h — zip archives of stored (uncompressed) entries, as spans of a mapped file.
//
//   ZipArchive archive(file.bytes(), "consolidated.00.pth");       // throws Error if anything is wrong
//   if (const ZipEntry* entry = archive.find("archive/version")) use(entry->bytes);
//
// With zip64. Strict, so that no two readers see different contents: every entry is stored and not encrypted, lies
// inside of the file and outside of all others, and its local header agrees with the directory; names are unique and
// stay inside of the archive; the archive begins and ends with the file, without a comment, and its directory has the
// announced size and number of entries. Checksums are not verified: that would read all data. Nothing is extracted.
// Source: PKWARE, APPNOTE.TXT.
#pragma once
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace puna {

struct ZipEntry {
    std::string_view name;
    std::span<const std::byte> bytes;
};

class ZipArchive {
 public:
    // bytes: the whole file, which must outlive the archive. path: begins the messages of errors.
    ZipArchive(std::span<const std::byte> bytes, std::string_view path);

    std::span<const ZipEntry> entries() const { return entries_; }  // sorted by name
    const ZipEntry* find(std::string_view name) const;

 private:
    std::vector<ZipEntry> entries_;
};

}  // namespace puna
