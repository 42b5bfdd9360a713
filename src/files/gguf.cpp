#include "files/gguf.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/file_kind.h"
#include "files/byte_cursor.h"
#include "files/gguf_types.h"

#include <algorithm>
#include <array>
#include <fstream>

namespace puna {

namespace {

constexpr std::string_view magic = "GGUF", alignment_key = "general.alignment";
constexpr uint32_t default_alignment = 32, min_alignment = 8, max_alignment = 65536, max_dimensions = 4;
constexpr size_t max_key_bytes = 65535, max_name_bytes = 64;  // limits of the format
constexpr uint64_t max_listed = 65536;  // keys, tensors: what is listed takes more memory than in the file
constexpr size_t min_value_bytes = 8 + 1 + 4 + 1, min_tensor_bytes = 8 + 1 + 4 + 4 + 8;  // of a listed value, tensor

// A tensor of the list, with the place of its data.
struct ListedTensor {
    TensorEntry entry;
    uint64_t offset = 0;  // from the beginning of the data
    int64_t bytes = 0;
};

class HeaderReader {
 public:
    HeaderReader(std::span<const std::byte> bytes, std::string_view path)
        : bytes_(bytes), path_(path), cursor_(bytes) {}

    GgufHeader read() {
        uint32_t version = read_version();
        uint64_t tensors = number<uint64_t>(), values = number<uint64_t>();
        check_count(tensors, min_tensor_bytes, "tensors");
        check_count(values, min_value_bytes, "metadata keys");
        std::vector<GgufValue> list;
        for (uint64_t i = 0; i < values; ++i) list.push_back(read_value(i));
        check_keys(list);
        size_t alignment = alignment_of(list);
        std::vector<ListedTensor> listed;
        for (uint64_t i = 0; i < tensors; ++i) listed.push_back(read_tensor(i));
        return {version, std::move(list), TensorTable(std::string(path_), placed(listed, alignment))};
    }

 private:
    // The header's part that is being read: "key 'general.name'".
    template <class... Args>
    [[noreturn]] void reject(fmt::format_string<Args...> format, Args&&... args) const {
        fail(ErrorKind::damaged, "{}: {}: {} at byte {}: the file is damaged or malformed", path_, part_,
             fmt::format(format, std::forward<Args>(args)...), cursor_.position());
    }
    [[noreturn]] void fail_truncated() const {
        fail(ErrorKind::damaged,
             "{}: {}: the file ends at byte {}, too early: it is truncated or damaged, download or copy it again",
             path_, part_, bytes_.size());
    }
    void check_count(uint64_t count, size_t min_bytes, std::string_view what) const {
        if (count > cursor_.left() / min_bytes)
            fail(ErrorKind::damaged, "{}: announces {} {}, too many for a file of {} bytes: it is damaged or malformed",
                 path_, count, what, bytes_.size());
        if (count > max_listed)
            fail(ErrorKind::too_large, "{}: has {} {}, at most {} are supported", path_, count, what, max_listed);
    }

    template <class T>
    T number() {
        std::optional<T> value = cursor_.number<T>();
        if (!value) fail_truncated();
        return *value;
    }
    std::string_view text() {
        uint64_t length = number<uint64_t>();
        std::optional<std::string_view> value = cursor_.text(length);
        if (!value) reject("a string of {} bytes in a file of {}", length, bytes_.size());
        return *value;
    }

    uint32_t read_version() {
        std::string_view beginning = as_text(bytes_);
        if (!beginning.starts_with(magic)) {
            reject_foreign_file(beginning, path_);
            fail(ErrorKind::damaged, "{}: is not a GGUF file, or damaged: it does not begin with 'GGUF'", path_);
        }
        cursor_.take(magic.size());
        uint32_t version = number<uint32_t>();
        if (version != 0 && (version & 0xffff) == 0)
            fail(ErrorKind::unsupported, "{}: is a big-endian GGUF file: convert the model to little-endian", path_);
        if (version != 2 && version != 3)
            fail(ErrorKind::unsupported,
                 "{}: has GGUF version {}, but only 2 and 3 are supported: convert the model again", path_, version);
        return version;
    }

    GgufValue read_value(uint64_t index) {
        part_ = fmt::format("metadata key {}", index + 1);
        GgufValue value{.key = text()};
        if (value.key.empty() || value.key.size() > max_key_bytes) reject("a name of {} bytes", value.key.size());
        part_ = fmt::format("key '{}'", printable(value.key));
        value.type = read_type();
        if (value.type == GgufType::array) {
            value.is_array = true;
            value.type = read_type();
            if (value.type == GgufType::array) reject("an array of arrays");
            uint64_t count = number<uint64_t>();
            if (count > cursor_.left()) reject("an array of {} elements in a file of {} bytes", count, bytes_.size());
            value.count = static_cast<int64_t>(count);
        }
        size_t begin = cursor_.position();
        skip_elements(value);
        value.bytes = bytes_.subspan(begin, cursor_.position() - begin);
        return value;
    }
    GgufType read_type() {
        uint32_t id = number<uint32_t>();
        if (!is_gguf_type(id)) reject("the unknown value type {}", id);
        return static_cast<GgufType>(id);
    }
    void skip_elements(const GgufValue& value) {
        if (value.type == GgufType::text) {
            for (int64_t i = 0; i < value.count; ++i) text();
            return;
        }
        auto taken = cursor_.take(static_cast<uint64_t>(value.count) * gguf_type_bytes(value.type));
        if (!taken) fail_truncated();
        auto is_bool = [](std::byte byte) { return byte == std::byte{0} || byte == std::byte{1}; };
        if (value.type == GgufType::boolean && !std::all_of(taken->begin(), taken->end(), is_bool))
            reject("a bool that is neither 0 nor 1");
    }

    void check_keys(const std::vector<GgufValue>& values) const {
        std::vector<std::string_view> keys;
        for (const GgufValue& value : values) keys.push_back(value.key);
        std::sort(keys.begin(), keys.end());
        auto duplicate = std::adjacent_find(keys.begin(), keys.end());
        if (duplicate != keys.end())
            fail(ErrorKind::damaged, "{}: duplicate key '{}': the file is malformed", path_, printable(*duplicate));
    }
    size_t alignment_of(const std::vector<GgufValue>& values) const {
        int64_t alignment = default_alignment;
        for (const GgufValue& value : values)
            if (value.key == alignment_key) alignment = value.type == GgufType::u32 ? integer_of(value).value_or(0) : 0;
        if (alignment < min_alignment || alignment > max_alignment || (alignment & (alignment - 1)) != 0)
            fail(ErrorKind::damaged, "{}: {} must be a power of two from {} to {}, as u32: the file is malformed",
                 path_, alignment_key, min_alignment, max_alignment);
        return static_cast<size_t>(alignment);
    }

    ListedTensor read_tensor(uint64_t index) {
        part_ = fmt::format("tensor {}", index + 1);
        ListedTensor listed;
        TensorEntry& entry = listed.entry;
        entry.name = text();
        if (entry.name.empty() || entry.name.size() > max_name_bytes) reject("a name of {} bytes", entry.name.size());
        part_ = fmt::format("tensor '{}'", printable(entry.name));
        int64_t count = read_shape(entry);
        uint32_t id = number<uint32_t>();
        const GgufTensorType* type = find_gguf_tensor_type(id);
        if (!type)
            fail(ErrorKind::unsupported,
                 "{}: {} has the unknown type {}: quantize the model again, for example to Q8_0", path_, part_, id);
        entry.dtype_name = type->name;
        entry.dtype = type->dtype;
        int64_t columns = entry.rank == 0 ? 1 : entry.shape[static_cast<size_t>(entry.rank) - 1];
        if (columns % type->block != 0)
            reject("rows of {} elements, not whole blocks of {} ({})", columns, type->name, type->block);
        std::optional<int64_t> bytes = checked_multiply(count / type->block, type->block_bytes);
        if (!bytes) reject("too many elements");
        listed.bytes = *bytes;
        listed.offset = number<uint64_t>();
        return listed;
    }
    // The dimensions, contiguous one first in the file; returns the number of elements.
    int64_t read_shape(TensorEntry& entry) {
        uint32_t rank = number<uint32_t>();
        if (rank > max_dimensions) reject("{} dimensions, at most {} are allowed", rank, max_dimensions);
        entry.rank = static_cast<int>(rank);
        int64_t count = 1;
        for (uint32_t i = rank; i-- > 0;) {
            uint64_t size = number<uint64_t>();
            if (size == 0 || size > INT64_MAX) reject("a dimension of {}", size);
            entry.shape[i] = static_cast<int64_t>(size);
            std::optional<int64_t> product = checked_multiply(count, entry.shape[i]);
            if (!product) reject("too many elements");
            count = *product;
        }
        return count;
    }

    // Gives every tensor its bytes. They lie in the order of the list, each at the next multiple of the alignment.
    std::vector<TensorEntry> placed(const std::vector<ListedTensor>& listed, size_t alignment) const {
        std::vector<TensorEntry> entries;
        size_t data = round_up(cursor_.position(), alignment), at = data;
        for (const auto& [entry, offset, bytes] : listed) {
            if (offset != at - data)
                fail(ErrorKind::damaged,
                     "{}: tensor '{}' begins at byte {} of the data, expected {}: {}, the file is malformed", path_,
                     printable(entry.name), offset, at - data,
                     offset % alignment != 0 ? "not a multiple of general.alignment"
                     : offset < at - data    ? "tensors overlap"
                                             : "there is a gap");
            size_t size = static_cast<size_t>(bytes);
            if (at > bytes_.size() || size > bytes_.size() - at)
                fail(ErrorKind::damaged,
                     "{}: tensor '{}': its {} bytes begin at byte {} of {}: the file is truncated, download or copy it "
                     "again",
                     path_, printable(entry.name), size, at, bytes_.size());
            entries.push_back(entry);
            entries.back().bytes = bytes_.subspan(at, size);
            at = round_up(at + size, alignment);
        }
        if (at < bytes_.size())
            fail(ErrorKind::damaged,
                 "{}: {} bytes follow the last of the announced {} tensors: the file is damaged or malformed, download "
                 "or copy it again",
                 path_, bytes_.size() - at, listed.size());
        return entries;
    }

    std::span<const std::byte> bytes_;
    std::string_view path_;
    ByteCursor cursor_;
    std::string part_ = "header";
};

}  // namespace

bool is_gguf_file(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) return false;  // of a pipe, reading would wait
    std::array<char, 4> magic{};
    std::ifstream(path, std::ios::binary).read(magic.data(), magic.size());
    return std::string_view(magic.data(), magic.size()) == "GGUF";
}

GgufHeader parse_gguf(std::span<const std::byte> bytes, std::string_view path) {
    return HeaderReader(bytes, path).read();
}

GgufFile::GgufFile(const std::filesystem::path& path)
    : file_(path), header_(parse_gguf(file_.bytes(), path.string())) {}

const GgufValue* GgufFile::find_value(std::string_view key) const {
    auto at = std::find_if(header_.values.begin(), header_.values.end(),
                           [key](const GgufValue& value) { return value.key == key; });
    return at == header_.values.end() ? nullptr : &*at;
}

void GgufFile::fail_type(const GgufValue& value, std::string_view expected) const {
    fail(ErrorKind::damaged, "{}: key '{}' has the type {}, expected {}", path().string(), printable(value.key),
         value.type_name(), expected);
}

}  // namespace puna
