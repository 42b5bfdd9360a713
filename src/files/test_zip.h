// files/test_zip.h — for tests: zip archives of stored entries, with the places of their headers, to damage them.
//
//   TestZip zip = make_zip({{"a/version", "3"}, {"a/data/0", "1234"}});
//   set_number<uint32_t>(zip.bytes, zip.local[1] + 18, 99);                // the second entry's compressed size
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace puna {

struct TestZip {
    std::string bytes;
    std::vector<size_t> local, central;  // where the headers of the entries begin
    size_t end = 0;                      // where the record of the directory's end begins, or the zip64 one before it
    size_t hole_at = 0;                  // where TestZipOptions::hole bytes are missing
};

struct TestZipOptions {
    bool sizes_follow = false;  // the data, and local headers have zeros: as torch.save writes them
    bool zip64 = false;         // sizes and places are in zip64 fields, and there is a zip64 end record
    uint64_t hole = 0;          // the first entry has as many more bytes, which are not made
};

template <class T>
void add_number(std::string& bytes, T number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof(number));
}
template <class T>
void set_number(std::string& bytes, size_t at, T number) {
    std::memcpy(bytes.data() + at, &number, sizeof(number));
}

class ZipMaker {
 public:
    explicit ZipMaker(TestZipOptions options) : options_(options) {}

    void add(const std::string& name, const std::string& data) {
        bool first = zip_.local.empty();
        uint64_t size = data.size() + (first ? options_.hole : 0),
                 begin = zip_.bytes.size() + (first ? 0 : options_.hole);
        zip_.central.push_back(directory_.size());
        directory_ += "PK\x01\x02-";
        directory_ += '\0';
        add_fields(directory_, options_.zip64 ? 0xffffffff : size);
        add_lengths(directory_, name, options_.zip64 ? 28 : 0);
        directory_.append(10, '\0');  // comment, disk, attributes
        add_number(directory_, options_.zip64 ? 0xffffffff : static_cast<uint32_t>(begin));
        directory_ += name;
        if (options_.zip64) add_zip64(directory_, {size, size, begin});

        bool zip64 = options_.zip64 && !options_.sizes_follow;
        zip_.local.push_back(zip_.bytes.size());
        zip_.bytes += "PK\x03\x04";
        add_fields(zip_.bytes, options_.sizes_follow ? 0 : zip64 ? 0xffffffff : size);
        add_lengths(zip_.bytes, name, zip64 ? 20 : 0);
        zip_.bytes += name;
        if (zip64) add_zip64(zip_.bytes, {size, size});
        zip_.bytes += data;
        if (first) zip_.hole_at = zip_.bytes.size();
        if (options_.sizes_follow) zip_.bytes += "PK\x07\x08 CRC and sizes";
    }

    TestZip finish() {
        uint64_t begin = zip_.bytes.size() + options_.hole, entries = zip_.central.size();
        for (size_t& at : zip_.central) at += zip_.bytes.size();
        zip_.bytes += directory_;
        zip_.end = zip_.bytes.size();
        if (options_.zip64) add_zip64_end(entries, begin);
        zip_.bytes += "PK\x05\x06";
        add_number<uint32_t>(zip_.bytes, 0);
        add_number(zip_.bytes, static_cast<uint16_t>(entries));
        add_number(zip_.bytes, static_cast<uint16_t>(entries));
        add_number(zip_.bytes, static_cast<uint32_t>(directory_.size()));
        add_number(zip_.bytes, options_.hole ? 0xffffffff : static_cast<uint32_t>(begin));
        add_number<uint16_t>(zip_.bytes, 0);
        return zip_;
    }

 private:
    // From the version needed to the sizes.
    void add_fields(std::string& bytes, uint64_t size) const {
        add_number<uint16_t>(bytes, 45);
        add_number<uint16_t>(bytes, options_.sizes_follow ? 0x808 : 0);
        bytes.append(10, '\0');  // method, time, CRC
        add_number(bytes, static_cast<uint32_t>(size));
        add_number(bytes, static_cast<uint32_t>(size));
    }
    static void add_lengths(std::string& bytes, const std::string& name, uint16_t extra) {
        add_number(bytes, static_cast<uint16_t>(name.size()));
        add_number(bytes, extra);
    }
    static void add_zip64(std::string& bytes, const std::vector<uint64_t>& numbers) {
        add_number<uint16_t>(bytes, 1);
        add_number(bytes, static_cast<uint16_t>(8 * numbers.size()));
        for (uint64_t number : numbers) add_number(bytes, number);
    }
    void add_zip64_end(uint64_t entries, uint64_t begin) {
        uint64_t end = zip_.end + options_.hole;
        zip_.bytes += "PK\x06\x06";
        add_number<uint64_t>(zip_.bytes, 44);
        add_number<uint32_t>(zip_.bytes, 45 << 16 | 45);
        for (uint64_t number : {uint64_t{0}, entries, entries, uint64_t{directory_.size()}, begin})
            add_number(zip_.bytes, number);
        zip_.bytes += "PK\x06\x07";
        add_number<uint32_t>(zip_.bytes, 0);
        add_number(zip_.bytes, end);
        add_number<uint32_t>(zip_.bytes, 1);
    }

    TestZipOptions options_;
    TestZip zip_;
    std::string directory_;
};

inline TestZip make_zip(const std::vector<std::pair<std::string, std::string>>& entries, TestZipOptions options = {}) {
    ZipMaker maker(options);
    for (const auto& [name, data] : entries) maker.add(name, data);
    return maker.finish();
}

}  // namespace puna
