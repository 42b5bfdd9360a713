#include "files/gguf_writer.h"

#include "core/checked.h"
#include "core/error.h"
#include "files/gguf_types.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <type_traits>

namespace puna {

namespace {

constexpr uint32_t version = 3;
constexpr uint64_t alignment = 32;
constexpr size_t max_name_bytes = 63;  // ggml reserves 64 with the NUL

static_assert(std::endian::native == std::endian::little);

template <class T>
void append(std::string& bytes, T number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}
void append(std::string& bytes, std::string_view text) {
    append(bytes, uint64_t{text.size()});
    bytes += text;
}
void append(std::string& bytes, const std::string& text) { append(bytes, std::string_view(text)); }

// Of a number, or of text.
template <class T>
constexpr GgufType type_of() {
    if (std::is_same_v<T, bool>) return GgufType::boolean;
    if (std::is_same_v<T, uint8_t>) return GgufType::u8;
    if (std::is_same_v<T, int8_t>) return GgufType::i8;
    if (std::is_same_v<T, uint16_t>) return GgufType::u16;
    if (std::is_same_v<T, int16_t>) return GgufType::i16;
    if (std::is_same_v<T, uint32_t>) return GgufType::u32;
    if (std::is_same_v<T, int32_t>) return GgufType::i32;
    if (std::is_same_v<T, uint64_t>) return GgufType::u64;
    if (std::is_same_v<T, int64_t>) return GgufType::i64;
    if (std::is_same_v<T, float>) return GgufType::f32;
    if (std::is_same_v<T, double>) return GgufType::f64;
    return GgufType::text;
}

uint32_t type_id(Dtype dtype) {
    auto type = std::find_if(std::begin(gguf_tensor_types), std::end(gguf_tensor_types),
                             [dtype](const GgufTensorType& known) { return known.dtype == dtype; });
    check(type != std::end(gguf_tensor_types), "GGUF has no {}", info(dtype).name);
    return type->id;
}

std::string header_of(const GgufMetadata& metadata, const std::vector<TensorSpec>& specs) {
    std::string header = "GGUF";
    append(header, version);
    append(header, uint64_t{specs.size()});
    append(header, uint64_t{metadata.size()});
    header += metadata.bytes();
    uint64_t offset = 0;
    for (const TensorSpec& spec : specs) {
        check(spec.name.size() <= max_name_bytes, "GGUF tensor '{}' has a name of {} bytes", spec.name,
              spec.name.size());
        append(header, spec.name);
        append(header, static_cast<uint32_t>(spec.shape.size()));
        for (size_t i = spec.shape.size(); i-- > 0;) append(header, static_cast<uint64_t>(spec.shape[i]));
        append(header, type_id(spec.dtype));
        append(header, offset);
        offset = round_up(offset + static_cast<uint64_t>(spec.bytes()), alignment);
    }
    return header;
}

}  // namespace

void GgufMetadata::begin(std::string_view key, GgufType type) {
    check(!key.empty() && !contains(key), "GGUF key '{}' is empty or already there", key);
    keys_.insert(std::lower_bound(keys_.begin(), keys_.end(), key), std::string(key));
    append(bytes_, key);
    append(bytes_, static_cast<uint32_t>(type));
}

bool GgufMetadata::contains(std::string_view key) const { return std::binary_search(keys_.begin(), keys_.end(), key); }

void GgufMetadata::add(std::string_view key, std::string_view text) {
    begin(key, GgufType::text);
    append(bytes_, text);
}

template <class T>
requires(std::is_arithmetic_v<T>) void GgufMetadata::add(std::string_view key, T number) {
    begin(key, type_of<T>());
    append(bytes_, number);
}

template <class T>
void GgufMetadata::add_list(std::string_view key, const std::vector<T>& values) {
    begin(key, GgufType::array);
    append(bytes_, static_cast<uint32_t>(type_of<T>()));
    append(bytes_, uint64_t{values.size()});
    for (const T& value : values) append(bytes_, value);
}

void GgufMetadata::add(const GgufValue& value) {
    begin(value.key, value.is_array ? GgufType::array : value.type);
    if (value.is_array) {
        append(bytes_, static_cast<uint32_t>(value.type));
        append(bytes_, static_cast<uint64_t>(value.count));
    }
    bytes_.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
}

template void GgufMetadata::add(std::string_view, bool);
template void GgufMetadata::add(std::string_view, uint16_t);
template void GgufMetadata::add(std::string_view, uint32_t);
template void GgufMetadata::add(std::string_view, int32_t);
template void GgufMetadata::add(std::string_view, uint64_t);
template void GgufMetadata::add(std::string_view, int64_t);
template void GgufMetadata::add(std::string_view, float);
template void GgufMetadata::add(std::string_view, double);
template void GgufMetadata::add_list(std::string_view, const std::vector<std::string>&);
template void GgufMetadata::add_list(std::string_view, const std::vector<std::string_view>&);
template void GgufMetadata::add_list(std::string_view, const std::vector<uint8_t>&);
template void GgufMetadata::add_list(std::string_view, const std::vector<int32_t>&);
template void GgufMetadata::add_list(std::string_view, const std::vector<float>&);

GgufWriter::GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata,
                       const std::vector<TensorSpec>& specs)
    : file_(path), pending_(specs, path.string()) {
    std::string header = header_of(metadata, specs);
    file_.write(header);
    written_ = header.size();
    pad();
}

void GgufWriter::write(const Tensor& tensor) {
    bool complete = pending_.take(tensor);
    file_.write({static_cast<const std::byte*>(tensor.data), static_cast<size_t>(tensor.bytes())});
    written_ += static_cast<uint64_t>(tensor.bytes());
    if (complete) pad();
}

void GgufWriter::pad() {
    uint64_t end = round_up(written_, alignment);
    file_.write(std::string(static_cast<size_t>(end - written_), '\0'));
    written_ = end;
}

void GgufWriter::commit() {
    pending_.check_all_taken();
    file_.commit();
}

}  // namespace puna
