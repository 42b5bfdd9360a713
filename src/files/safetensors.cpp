#include "files/safetensors.h"

#include "core/checked.h"
#include "core/file_kind.h"

#include <algorithm>
#include <numeric>

namespace puna {

namespace {

constexpr uint64_t max_header_bytes = 100'000'000;  // limit of the format
constexpr size_t length_bytes = 8, max_element_bytes = 8;
constexpr std::string_view metadata_key = "__metadata__";

std::string_view header_text(std::span<const std::byte> bytes, std::string_view path) {
    if (bytes.size() < length_bytes)
        fail("{}: {} bytes is too short for a safetensors file: download or copy it again", path, bytes.size());
    reject_foreign_file({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
    uint64_t length = 0;
    for (size_t i = length_bytes; i-- > 0;) length = length << 8 | static_cast<uint64_t>(bytes[i]);
    if (length > max_header_bytes)
        fail("{}: a header of {} bytes exceeds the format's limit: not a safetensors file, or damaged", path, length);
    if (length > bytes.size() - length_bytes)
        fail("{}: the header has {} bytes, the file only {}: it is truncated, download or copy it again", path, length,
             bytes.size());
    std::string_view header{reinterpret_cast<const char*>(bytes.data()) + length_bytes, static_cast<size_t>(length)};
    if (!header.starts_with('{'))
        fail("{}: the header does not begin with {{: not a safetensors file, or damaged", path);
    return header;
}

// Handles the events of the header; appends an entry to the table at the end of each tensor.
class HeaderReader {
 public:
    HeaderReader(SafetensorsTable& table, std::span<const std::byte> data, std::string_view path)
        : table_(table), data_(data), path_(path) {}

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
        fail("{}: {}{} at byte {}: the file is damaged or malformed", path_, prefix(), what,
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
            if (!in_metadata_) entry_.name = table_.strings.store(event);
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
            entry_.dtype_name = table_.strings.store(event);
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
            fail("{}: {}its data ends at byte {} of {}: the file is truncated, download or copy it again", path_,
                 prefix(), end, data_.size());
        entry_.bytes = data_.subspan(begin, end - begin);
        entry_.dtype = find_file_dtype(entry_.dtype_name);
        if (entry_.dtype) {
            std::optional<int64_t> size = checked_multiply(count_, size_of(*entry_.dtype));
            if (!size || static_cast<uint64_t>(*size) != end - begin)
                reject(event, fmt::format("{} elements of {} in {} bytes", count_, entry_.dtype_name, end - begin));
        }
        table_.entries.push_back(entry_);
    }

    // By file_name only: find_dtype also accepts names such as "f32", which are not valid in files.
    static std::optional<Dtype> find_file_dtype(std::string_view name) {
        for (const DtypeInfo& known : dtypes)
            if (known.file_name == name) return known.dtype;
        return {};
    }

    SafetensorsTable& table_;
    std::span<const std::byte> data_;
    std::string_view path_;
    TensorEntry entry_;
    Field field_ = none;
    bool in_metadata_ = false, seen_[3] = {};
    int64_t count_ = 1;  // number of elements by the shape
    std::array<uint64_t, 2> offsets_{};
    size_t offset_count_ = 0;
};

void sort_by_offset(SafetensorsTable& table, std::span<const std::byte> data, std::string_view path) {
    std::sort(table.entries.begin(), table.entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
        return std::tuple(a.bytes.data(), a.bytes.size(), a.name) < std::tuple(b.bytes.data(), b.bytes.size(), b.name);
    });
    const std::byte* expected = data.data();
    for (const TensorEntry& entry : table.entries) {
        if (entry.bytes.data() != expected)
            fail("{}: tensor '{}' begins at byte {} of the data, expected {}: {}, the file is malformed", path,
                 printable(entry.name), entry.bytes.data() - data.data(), expected - data.data(),
                 entry.bytes.data() < expected ? "tensors overlap" : "there is a gap");
        expected += entry.bytes.size();
    }
    if (expected != data.data() + data.size())
        fail("{}: the last {} bytes belong to no tensor: the file is damaged or malformed", path,
             data.data() + data.size() - expected);
}

void sort_names(SafetensorsTable& table, std::string_view path) {
    table.by_name.resize(table.entries.size());
    std::iota(table.by_name.begin(), table.by_name.end(), 0u);
    auto name = [&table](uint32_t i) { return table.entries[i].name; };
    std::sort(table.by_name.begin(), table.by_name.end(), [&](uint32_t a, uint32_t b) { return name(a) < name(b); });
    for (size_t i = 1; i < table.by_name.size(); ++i)
        if (name(table.by_name[i - 1]) == name(table.by_name[i]))
            fail("{}: duplicate tensor '{}': the file is malformed", path, printable(name(table.by_name[i])));
}

bool is_misaligned(const TensorEntry& entry) {
    return entry.dtype &&
           reinterpret_cast<uintptr_t>(entry.bytes.data()) % static_cast<uintptr_t>(size_of(*entry.dtype)) != 0;
}

}  // namespace

SafetensorsTable parse_safetensors(std::span<const std::byte> bytes, std::string_view path) {
    std::string_view header = header_text(bytes, path);
    std::span<const std::byte> data = bytes.subspan(length_bytes + header.size());
    SafetensorsTable table{{}, {}, JsonStrings(header)};
    size_t count = 0;
    read_json(header, path, [&](const JsonEvent& event) {
        if (event.kind == JsonEvent::key && event.depth == 1) ++count;
        if (event.kind == JsonEvent::key || event.kind == JsonEvent::string) table.strings.measure(event);
    });
    table.entries.reserve(count);
    HeaderReader reader(table, data, path);
    read_json(header, path, [&](const JsonEvent& event) { reader.on_event(event); });
    sort_by_offset(table, data, path);
    sort_names(table, path);
    return table;
}

const TensorEntry* SafetensorsTable::find(std::string_view name) const {
    auto at = std::lower_bound(by_name.begin(), by_name.end(), name,
                               [this](uint32_t i, std::string_view wanted) { return entries[i].name < wanted; });
    return at != by_name.end() && entries[*at].name == name ? &entries[*at] : nullptr;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : file_(path), table_(parse_safetensors(file_.bytes(), path.string())) {}

Tensor SafetensorsFile::tensor(const TensorEntry& entry) {
    std::span<const int64_t> sizes = entry.shape;
    if (!entry.dtype)
        fail("{}: tensor '{}' has the unsupported dtype {}: convert it to F32, F16 or BF16", path().string(),
             printable(entry.name), printable(entry.dtype_name));
    if (static_cast<size_t>(entry.rank) > sizes.size())
        fail("{}: tensor '{}' has {} dimensions, at most {} are supported: reshape it", path().string(),
             printable(entry.name), entry.rank, sizes.size());
    if (is_misaligned(entry)) {
        copy_misaligned();
        return tensor(entry.name);
    }
    void* data = const_cast<std::byte*>(entry.bytes.data());
    return Tensor(data, *entry.dtype, sizes.first(static_cast<size_t>(entry.rank)));
}

void SafetensorsFile::copy_misaligned() {
    if (copies_) return;
    size_t size = 0;
    for (const TensorEntry& entry : table_.entries)
        if (is_misaligned(entry)) size += round_up(entry.bytes.size(), max_element_bytes);
    copies_ = allocate_aligned(size);
    std::byte* copy = copies_.get();
    for (TensorEntry& entry : table_.entries) {
        if (!is_misaligned(entry)) continue;
        std::copy(entry.bytes.begin(), entry.bytes.end(), copy);
        entry.bytes = {copy, entry.bytes.size()};
        copy += round_up(entry.bytes.size(), max_element_bytes);
    }
}

Tensor SafetensorsFile::tensor(std::string_view name) {
    const TensorEntry* entry = find(name);
    if (!entry) fail("{}: has no tensor '{}'", path().string(), printable(name));
    return tensor(*entry);
}

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
