#include "files/safetensors.h"

#include "core/checked.h"
#include "core/file_kind.h"
#include "files/byte_cursor.h"

#include <algorithm>
#include <tuple>

namespace puna {

namespace {

constexpr uint64_t max_header_bytes = 100'000'000;  // limit of the format
constexpr size_t length_bytes = 8;
constexpr std::string_view metadata_key = "__metadata__";

std::string_view header_text(std::span<const std::byte> bytes, std::string_view path) {
    if (bytes.size() < length_bytes)
        fail(ErrorKind::damaged, "{}: {} bytes is too short for a safetensors file: download or copy it again", path,
             bytes.size());
    reject_foreign_file(as_text(bytes), path);
    uint64_t length = number_at<uint64_t>(bytes);
    if (length > max_header_bytes)
        fail(ErrorKind::damaged,
             "{}: a header of {} bytes exceeds the format's limit: not a safetensors file, or damaged", path, length);
    if (length > bytes.size() - length_bytes)
        fail(ErrorKind::damaged,
             "{}: the header has {} bytes, the file only {}: it is truncated, download or copy it again", path, length,
             bytes.size());
    std::string_view header = as_text(bytes.subspan(length_bytes, static_cast<size_t>(length)));
    if (!header.starts_with('{'))
        fail(ErrorKind::damaged, "{}: the header does not begin with {{: not a safetensors file, or damaged", path);
    return header;
}

// Handles the events of the header; appends an entry at the end of each tensor.
class HeaderReader {
 public:
    HeaderReader(std::vector<TensorEntry>& entries, JsonStrings& strings, std::span<const std::byte> data,
                 std::string_view path)
        : entries_(entries), strings_(strings), data_(data), path_(path) {}

    void on_event(const JsonEvent& event) {
        switch (event.depth) {
            case 0:
                return expect(event, event.kind == JsonEvent::begin_object || event.kind == JsonEvent::end_object);
            case 1:
                return on_top_level(event);
            case 2:
                return in_metadata_ ? on_metadata(event) : on_field(event);
            case 3:
                return on_number(event);
            default:
                expect(event, false);
        }
    }

 private:
    enum Field { dtype, shape, offsets, none };
    static constexpr std::string_view field_names[] = {"dtype", "shape", "data_offsets"};

    [[noreturn]] void reject(const JsonEvent& event, std::string_view what) const {
        fail(ErrorKind::damaged, "{}: {}{} at byte {}: the file is damaged or malformed", path_, prefix(), what,
             length_bytes + event.position);
    }
    void expect(const JsonEvent& event, bool holds) const {
        if (!holds) reject(event, "unexpected value in the header");
    }
    std::string prefix() const {
        return entry_.name.empty() ? "" : fmt::format("tensor '{}': ", printable(entry_.name));
    }

    void on_top_level(const JsonEvent& event) {
        if (event.kind == JsonEvent::key) {
            entry_ = {};
            offset_count_ = 0;
            count_ = 1;
            std::fill(std::begin(seen_), std::end(seen_), false);
            in_metadata_ = event.text == metadata_key;
            if (!in_metadata_) entry_.name = strings_.store(event);
        } else if (event.kind == JsonEvent::end_object) {
            if (!in_metadata_) finish(event);
        } else {
            expect(event, event.kind == JsonEvent::begin_object);
        }
    }

    void on_metadata(const JsonEvent& event) const {
        if (event.kind != JsonEvent::key && event.kind != JsonEvent::string)
            reject(event, "metadata value that is not a string");
    }

    void on_field(const JsonEvent& event) {
        if (event.kind == JsonEvent::key) return begin_field(event);
        if (field_ == dtype) {
            expect(event, event.kind == JsonEvent::string);
            entry_.dtype_name = strings_.store(event);
        } else {
            expect(event, event.kind == JsonEvent::begin_array || event.kind == JsonEvent::end_array);
        }
    }

    void begin_field(const JsonEvent& event) {
        const auto* at = std::find(std::begin(field_names), std::end(field_names), event.text);
        field_ = static_cast<Field>(at - std::begin(field_names));
        if (field_ == none) reject(event, fmt::format("unknown field '{}'", printable(event.text)));
        if (std::exchange(seen_[field_], true)) reject(event, fmt::format("duplicate field '{}'", event.text));
    }

    void on_number(const JsonEvent& event) {
        expect(event, !in_metadata_ && event.kind == JsonEvent::integer && event.integer_value >= 0);
        if (field_ == offsets) {
            if (offset_count_ == 2) reject(event, "more than two data_offsets");
            offsets_[offset_count_++] = static_cast<uint64_t>(event.integer_value);
            return;
        }
        std::optional<int64_t> product = checked_multiply(count_, event.integer_value);
        if (!product) reject(event, "shape with too many elements");
        count_ = *product;
        size_t dimension = static_cast<size_t>(entry_.rank++);
        if (dimension < entry_.shape.size()) entry_.shape[dimension] = event.integer_value;
    }

    void finish(const JsonEvent& event) {
        for (Field field : {dtype, shape, offsets})
            if (!seen_[field]) reject(event, fmt::format("missing field '{}'", field_names[field]));
        auto [begin, end] = offsets_;
        if (offset_count_ != 2 || begin > end) reject(event, "data_offsets that are not [begin, end]");
        if (end > data_.size())
            fail(ErrorKind::damaged,
                 "{}: {}its data ends at byte {} of {}: the file is truncated, download or copy it again", path_,
                 prefix(), end, data_.size());
        entry_.bytes = data_.subspan(begin, end - begin);
        entry_.dtype = find_file_dtype(entry_.dtype_name);
        if (entry_.dtype) {
            std::optional<int64_t> size = bytes_of(*entry_.dtype, count_);
            if (!size || static_cast<uint64_t>(*size) != end - begin)
                reject(event, fmt::format("{} elements of {} in {} bytes", count_, entry_.dtype_name, end - begin));
        }
        entries_.push_back(entry_);
    }

    // Block types have no name in files.
    static std::optional<Dtype> find_file_dtype(std::string_view name) {
        for (const DtypeInfo& known : dtypes)
            if (known.file_name == name && !name.empty()) return known.dtype;
        return {};
    }

    std::vector<TensorEntry>& entries_;
    JsonStrings& strings_;
    std::span<const std::byte> data_;
    std::string_view path_;
    TensorEntry entry_;
    Field field_ = none;
    bool in_metadata_ = false, seen_[3] = {};
    int64_t count_ = 1;  // number of elements by the shape
    std::array<uint64_t, 2> offsets_{};
    size_t offset_count_ = 0;
};

void sort_by_offset(std::vector<TensorEntry>& entries, std::span<const std::byte> data, std::string_view path) {
    std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
        return std::tuple(a.bytes.data(), a.bytes.size(), a.name) < std::tuple(b.bytes.data(), b.bytes.size(), b.name);
    });
    const std::byte* expected = data.data();
    for (const TensorEntry& entry : entries) {
        if (entry.bytes.data() != expected)
            fail(ErrorKind::damaged,
                 "{}: tensor '{}' begins at byte {} of the data, expected {}: {}, the file is malformed", path,
                 printable(entry.name), entry.bytes.data() - data.data(), expected - data.data(),
                 entry.bytes.data() < expected ? "tensors overlap" : "there is a gap");
        expected += entry.bytes.size();
    }
    if (expected != data.data() + data.size())
        fail(ErrorKind::damaged, "{}: the last {} bytes belong to no tensor: the file is damaged or malformed", path,
             data.data() + data.size() - expected);
}

}  // namespace

SafetensorsTable parse_safetensors(std::span<const std::byte> bytes, std::string_view path) {
    std::string_view header = header_text(bytes, path);
    std::span<const std::byte> data = bytes.subspan(length_bytes + header.size());
    JsonStrings strings(header);
    size_t count = 0;
    read_json(header, path, [&](const JsonEvent& event) {
        if (event.kind == JsonEvent::key && event.depth == 1) ++count;
        if (event.kind == JsonEvent::key || event.kind == JsonEvent::string) strings.measure(event);
    });
    std::vector<TensorEntry> entries;
    entries.reserve(count);
    HeaderReader reader(entries, strings, data, path);
    read_json(header, path, [&](const JsonEvent& event) { reader.on_event(event); });
    sort_by_offset(entries, data, path);
    return {std::move(strings), TensorTable(std::string(path), std::move(entries))};
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : file_(path), table_(parse_safetensors(file_.bytes(), path.string())) {}

std::optional<std::string> SafetensorsFile::metadata(std::string_view key) const {
    std::optional<std::string> found;
    bool in_metadata = false, wanted = false;
    read_json(header_text(file_.bytes(), path().string()), path().string(), [&](const JsonEvent& event) {
        if (event.kind == JsonEvent::key && event.depth == 1) in_metadata = event.text == metadata_key;
        if (!in_metadata || event.depth != 2) return;
        if (event.kind == JsonEvent::key) wanted = event.text == key;
        if (event.kind == JsonEvent::string && wanted) found = event.text;
    });
    return found;
}

}  // namespace puna
