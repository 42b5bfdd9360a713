#include "files/zip_writer.h"

#include "core/checked.h"
#include "core/error.h"

#include <zlib.h>

#include <algorithm>

namespace puna {

namespace {

constexpr uint64_t alignment = 64, in_zip64 = 0xffffffff;
constexpr uint16_t version = 45, zip64_id = 1, padding_id = 0x4246;  // "FB", as PyTorch's
constexpr size_t local_bytes = 30, field_bytes = 4;

template <class T>
void append_number(std::string& bytes, T number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// From the version needed to the uncompressed size.
void add_fields(std::string& header, const ZipContent& content, bool zip64) {
    append_number(header, version);
    header.append(8, '\0');            // flags, method 0: stored, time and date
    header[header.size() - 2] = 0x21;  // 1980-01-01
    append_number(header, content.checksum);
    for (int i = 0; i < 2; ++i) append_number(header, static_cast<uint32_t>(zip64 ? in_zip64 : content.bytes));
}

std::string zip64_field(std::initializer_list<uint64_t> numbers) {
    std::string field;
    append_number(field, zip64_id);
    append_number(field, static_cast<uint16_t>(8 * numbers.size()));
    for (uint64_t number : numbers) append_number(field, number);
    return field;
}

}  // namespace

uint32_t checksum_of(std::span<const std::byte> bytes, uint32_t before) {
    return static_cast<uint32_t>(::crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

void ZipWriter::append(std::string_view bytes) {
    file_.write(bytes);
    written_ += bytes.size();
}

void ZipWriter::begin(std::string_view name, const ZipContent& content) {
    check(left_ == 0, "zip: {} bytes of the entry before '{}' are missing", left_, name);
    entries_.push_back({std::string(name), content, written_});
    bool zip64 = content.bytes >= in_zip64;
    std::string extra = zip64 ? zip64_field({content.bytes, content.bytes}) : "";
    uint64_t unpadded = written_ + local_bytes + name.size() + extra.size() + field_bytes,
             padding = round_up(unpadded, alignment) - unpadded;
    append_number(extra, padding_id);
    append_number(extra, static_cast<uint16_t>(padding));
    extra.append(padding, 'Z');
    std::string header = "PK\x03\x04";
    add_fields(header, content, zip64);
    append_number(header, static_cast<uint16_t>(name.size()));
    append_number(header, static_cast<uint16_t>(extra.size()));
    append(header + std::string(name) + extra);
    left_ = content.bytes;
}

void ZipWriter::write(std::span<const std::byte> bytes) {
    check(bytes.size() <= left_, "zip: {} bytes for an entry of which {} are left", bytes.size(), left_);
    file_.write(bytes);
    written_ += bytes.size();
    left_ -= bytes.size();
}

void ZipWriter::add(std::string_view name, std::string_view text) {
    std::span<const std::byte> bytes = std::as_bytes(std::span(text));
    begin(name, {bytes.size(), checksum_of(bytes)});
    write(bytes);
}

void ZipWriter::commit() {
    check(left_ == 0, "zip: {} bytes of the last entry are missing", left_);
    uint64_t directory = written_;
    for (const Listed& entry : entries_) {
        bool zip64 = std::max(entry.content.bytes, entry.begin) >= in_zip64;
        std::string extra = zip64 ? zip64_field({entry.content.bytes, entry.content.bytes, entry.begin}) : "",
                    header = "PK\x01\x02";
        append_number(header, version);
        add_fields(header, entry.content, zip64);
        append_number(header, static_cast<uint16_t>(entry.name.size()));
        append_number(header, static_cast<uint16_t>(extra.size()));
        header.append(10, '\0');  // comment, disk, attributes
        append_number(header, static_cast<uint32_t>(zip64 ? in_zip64 : entry.begin));
        append(header + entry.name + extra);
    }
    uint64_t bytes = written_ - directory, end = written_, entries = entries_.size();
    bool zip64 = directory >= in_zip64 || entries >= 0xffff;
    std::string last;
    if (zip64) {
        last += "PK\x06\x06";
        append_number(last, uint64_t{44});
        append_number(last, static_cast<uint32_t>(version << 16 | version));
        for (uint64_t number : {uint64_t{0}, entries, entries, bytes, directory}) append_number(last, number);
        last += "PK\x06\x07";
        append_number(last, uint32_t{0});
        append_number(last, end);
        append_number(last, uint32_t{1});
    }
    last += "PK\x05\x06";
    append_number(last, uint32_t{0});
    for (int i = 0; i < 2; ++i) append_number(last, static_cast<uint16_t>(zip64 ? 0xffff : entries));
    append_number(last, static_cast<uint32_t>(std::min(bytes, in_zip64)));
    append_number(last, static_cast<uint32_t>(zip64 ? in_zip64 : directory));
    append_number(last, uint16_t{0});
    append(last);
    file_.commit();
}

}  // namespace puna
