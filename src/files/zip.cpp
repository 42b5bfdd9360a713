// A library would fit here, but none tells where an entry's data lies in archives beyond 4 GiB: minizip does not read
// the zip64 fields of entries where `unsigned long` has 64 bits (version 1.1 of Debian 12), and libzip has no offsets.
#include "files/zip.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/file_kind.h"
#include "files/byte_cursor.h"

#include <algorithm>
#include <optional>
#include <string>

namespace puna {

namespace {

constexpr std::string_view local_magic = "PK\x03\x04", directory_magic = "PK\x01\x02", end_magic = "PK\x05\x06",
                           zip64_end_magic = "PK\x06\x06", zip64_locator_magic = "PK\x06\x07";
constexpr size_t local_header_bytes = 30, directory_header_bytes = 46, end_bytes = 22, zip64_end_bytes = 56,
                 zip64_locator_bytes = 20;
constexpr uint32_t in_zip64 = 0xffffffff;  // instead of a number that does not fit
// General purpose flags: sizes follow the data (so that the local header may have zeros), and names in UTF-8.
constexpr unsigned sizes_follow = 1 << 3, utf8_names = 1 << 11;

// Where the directory is.
struct Directory {
    uint64_t entries, bytes, begin;
};

// What the directory and the local header say about an entry, each in its own place.
struct Header {
    unsigned flags, method;
    uint32_t crc;
    std::optional<uint64_t> compressed, size;  // none: a zip64 field is missing
    std::string_view name;
};

// An entry with all bytes from its local header to the end of its data.
struct PlacedEntry {
    ZipEntry entry;
    size_t begin = 0, end = 0;
};

// The zip64 part of an extra field: a number of eight bytes for each that does not fit into its field, in their order.
ByteCursor zip64_part(std::span<const std::byte> extra) {
    constexpr uint16_t zip64_id = 1;
    ByteCursor cursor(extra);
    while (std::optional<uint16_t> id = cursor.number<uint16_t>()) {
        std::optional<uint16_t> size = cursor.number<uint16_t>();
        std::optional<std::span<const std::byte>> part = size ? cursor.take(*size) : std::nullopt;
        if (!part) break;
        if (*id == zip64_id) return ByteCursor(*part);
    }
    return ByteCursor({});
}
std::optional<uint64_t> resolve(uint32_t field, ByteCursor& zip64) {
    return field == in_zip64 ? zip64.number<uint64_t>() : field;
}

// The fields that both headers have, from the flags on.
Header read_header(std::span<const std::byte> fields, std::string_view name, ByteCursor& zip64) {
    Header header{.flags = number_at<uint16_t>(fields),
                  .method = number_at<uint16_t>(fields.subspan(2)),
                  .crc = number_at<uint32_t>(fields.subspan(8)),
                  .name = name};
    header.size = resolve(number_at<uint32_t>(fields.subspan(16)), zip64);
    header.compressed = resolve(number_at<uint32_t>(fields.subspan(12)), zip64);
    return header;
}

class ZipReader {
 public:
    ZipReader(std::span<const std::byte> bytes, std::string_view path) : bytes_(bytes), path_(path) {}

    std::vector<ZipEntry> read() {
        if (!as_text(bytes_).starts_with(local_magic)) damaged("is not a zip archive, or damaged");
        Directory directory = find_directory();
        ByteCursor cursor(bytes_.subspan(directory.begin, directory.bytes));
        std::vector<PlacedEntry> placed;
        for (uint64_t i = 0; i < directory.entries; ++i) placed.push_back(read_entry(cursor, i));
        if (cursor.left() > 0) damaged("the zip directory has more entries than it says");
        if (placed.empty()) damaged("the zip directory has no entries");
        check_places(placed, directory.begin);
        std::vector<ZipEntry> entries;
        for (const PlacedEntry& entry : placed) entries.push_back(entry.entry);
        return entries;
    }

 private:
    [[noreturn]] void damaged(std::string_view what) const {
        fail(ErrorKind::damaged, "{}: {}: {}", path_, what, copy_again);
    }
    template <class... Args>
    [[noreturn]] void reject(fmt::format_string<Args...> format, Args&&... args) const {
        damaged(fmt::format("zip entry {}: {}", entry_, fmt::format(format, std::forward<Args>(args)...)));
    }
    [[noreturn]] void unsupported(std::string_view what) const {
        fail(ErrorKind::unsupported, "{}: zip entry {}: {}: save it again with torch.save", path_, entry_, what);
    }

    Directory find_directory() const {
        if (bytes_.size() < end_bytes || !as_text(bytes_.last(end_bytes)).starts_with(end_magic))
            damaged("does not end with a zip directory: it is truncated or has a comment");
        std::span<const std::byte> end = bytes_.last(end_bytes);
        auto half = [end](size_t at) { return number_at<uint16_t>(end.subspan(at)); };
        Directory directory{half(10), number_at<uint32_t>(end.subspan(12)), number_at<uint32_t>(end.subspan(16))};
        size_t end_at = bytes_.size() - end_bytes;
        bool one_disk = half(4) == 0 && half(6) == 0 && half(8) == half(10) && half(20) == 0;
        size_t before = end_at < zip64_locator_bytes ? 0 : end_at - zip64_locator_bytes;
        if (as_text(bytes_.subspan(before)).starts_with(zip64_locator_magic)) {
            end_at = before < zip64_end_bytes ? 0 : before - zip64_end_bytes;
            std::optional<Directory> zip64 = zip64_directory(end_at, before);
            bool same = zip64 && fits(directory.entries, 0xffff, zip64->entries) &&
                        fits(directory.bytes, in_zip64, zip64->bytes) && fits(directory.begin, in_zip64, zip64->begin);
            if (!same) damaged("the zip directory has two ends that do not agree");
            directory = *zip64;
        }
        std::optional<uint64_t> directory_end = checked_add(directory.begin, directory.bytes);
        if (!one_disk || directory_end != end_at) damaged("the zip directory is not where it says");
        if (directory.entries > directory.bytes / directory_header_bytes)
            damaged(
                fmt::format("the zip directory announces {} entries in {} bytes", directory.entries, directory.bytes));
        return directory;
    }
    static bool fits(uint64_t field, uint64_t elsewhere, uint64_t number) {
        return field == elsewhere || field == number;
    }
    // None if the record and the locator behind it are damaged.
    std::optional<Directory> zip64_directory(size_t record_at, size_t locator_at) const {
        constexpr uint64_t bytes_after_size = 44;
        std::span<const std::byte> record = bytes_.subspan(record_at), locator = bytes_.subspan(locator_at);
        auto number = [record](size_t at) { return number_at<uint64_t>(record.subspan(at)); };
        if (!as_text(record).starts_with(zip64_end_magic) || number(4) != bytes_after_size) return {};
        bool one_disk = number(16) == 0 && number(24) == number(32) && number_at<uint32_t>(locator.subspan(4)) == 0;
        if (!one_disk || number_at<uint64_t>(locator.subspan(8)) != record_at) return {};
        return Directory{number(32), number(40), number(48)};
    }

    PlacedEntry read_entry(ByteCursor& directory, uint64_t index) {
        entry_ = fmt::format("{}", index + 1);
        std::optional<std::span<const std::byte>> fixed = directory.take(directory_header_bytes);
        if (!fixed || !as_text(*fixed).starts_with(directory_magic))
            damaged(fmt::format("the zip directory breaks off after {} entries", index));
        auto length = [&](size_t at) { return number_at<uint16_t>(fixed->subspan(at)); };
        std::optional<std::string_view> name = directory.text(length(28));
        std::optional<std::span<const std::byte>> extra = directory.take(length(30)),
                                                  comment = directory.take(length(32));
        if (!name || !extra || !comment) damaged(fmt::format("the zip directory breaks off in entry {}", index + 1));
        entry_ = fmt::format("'{}'", printable(*name));
        ByteCursor zip64 = zip64_part(*extra);
        Header header = read_header(fixed->subspan(8), *name, zip64);
        std::optional<uint64_t> begin = resolve(number_at<uint32_t>(fixed->subspan(42)), zip64);
        if (!header.size || !header.compressed || !begin)
            reject("its size or place should be in a zip64 field, which is missing");
        check_form(header);
        return locate(header, *begin);
    }

    void check_form(const Header& header) const {
        if ((header.flags & ~(sizes_follow | utf8_names)) != 0)
            unsupported(fmt::format("is encrypted, or has other unsupported flags ({:#x})", header.flags));
        if (header.method != 0)
            unsupported(fmt::format("is compressed (method {}), but only stored entries are supported", header.method));
        if (header.compressed != header.size)
            reject("is stored with two sizes, {} and {}", *header.compressed, *header.size);
        std::string path = fmt::format("/{}/", header.name);
        if (header.name.empty() || header.name.starts_with('/') || header.name.find('\\') != path.npos ||
            path.find("/../") != path.npos)
            reject("its name leads out of the archive");
    }

    // The local header is at byte `begin` and must say the same as the directory.
    PlacedEntry locate(const Header& header, uint64_t begin) const {
        std::span<const std::byte> rest = bytes_.subspan(static_cast<size_t>(std::min<uint64_t>(begin, bytes_.size())));
        ByteCursor cursor(rest);
        std::optional<std::span<const std::byte>> fixed = cursor.take(local_header_bytes), extra;
        std::optional<std::string_view> name;
        if (fixed && as_text(*fixed).starts_with(local_magic)) {
            name = cursor.text(number_at<uint16_t>(fixed->subspan(26)));
            extra = cursor.take(number_at<uint16_t>(fixed->subspan(28)));
        }
        if (!name || !extra) reject("has no header at byte {}", begin);
        ByteCursor zip64 = zip64_part(*extra);
        check_agreement(read_header(fixed->subspan(6), *name, zip64), header);
        std::optional<std::span<const std::byte>> data = cursor.take(*header.size);
        if (!data) reject("its {} bytes go beyond the end of the file", *header.size);
        size_t at = static_cast<size_t>(begin);
        return {{*name, *data}, at, at + cursor.position()};
    }
    void check_agreement(const Header& local, const Header& directory) const {
        bool zeros = (directory.flags & sizes_follow) != 0;
        auto same = [zeros](std::optional<uint64_t> a, std::optional<uint64_t> b) {
            return a == b || (zeros && a == 0u);
        };
        if (local.name != directory.name) reject("is named '{}' in its header", printable(local.name));
        if (!same(local.size, directory.size) || !same(local.compressed, directory.compressed))
            reject("has one size in its header and another in the directory");
        if (local.flags != directory.flags || local.method != directory.method || !same(local.crc, directory.crc))
            reject("has other flags, method or checksum in its header than in the directory");
    }

    // Sorts the entries by name.
    void check_places(std::vector<PlacedEntry>& placed, uint64_t directory) const {
        std::sort(placed.begin(), placed.end(),
                  [](const PlacedEntry& a, const PlacedEntry& b) { return a.begin < b.begin; });
        if (placed.front().begin != 0) damaged("does not begin with an entry of its zip directory");
        if (placed.back().end > directory)
            damaged(fmt::format("zip entry {} overlaps the directory", quoted(placed.back())));
        for (size_t i = 1; i < placed.size(); ++i)
            if (placed[i].begin < placed[i - 1].end)
                damaged(fmt::format("zip entries {} and {} overlap", quoted(placed[i - 1]), quoted(placed[i])));
        std::sort(placed.begin(), placed.end(),
                  [](const PlacedEntry& a, const PlacedEntry& b) { return a.entry.name < b.entry.name; });
        for (size_t i = 1; i < placed.size(); ++i)
            if (placed[i].entry.name == placed[i - 1].entry.name)
                damaged(fmt::format("zip entry {} is there twice", quoted(placed[i])));
    }
    static std::string quoted(const PlacedEntry& placed) { return fmt::format("'{}'", printable(placed.entry.name)); }

    std::span<const std::byte> bytes_;
    std::string_view path_;
    std::string entry_;  // the current one, for messages
};

}  // namespace

ZipArchive::ZipArchive(std::span<const std::byte> bytes, std::string_view path)
    : entries_(ZipReader(bytes, path).read()) {}

const ZipEntry* ZipArchive::find(std::string_view name) const {
    auto at = std::lower_bound(entries_.begin(), entries_.end(), name,
                               [](const ZipEntry& entry, std::string_view wanted) { return entry.name < wanted; });
    return at != entries_.end() && at->name == name ? &*at : nullptr;
}

}  // namespace puna
