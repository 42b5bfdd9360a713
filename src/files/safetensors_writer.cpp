#include "core/checked.h"
#include "core/json_text.h"
#include "files/safetensors.h"

#include <fmt/core.h>

#include <algorithm>

namespace puna {

namespace {

constexpr size_t length_bytes = 8, alignment = 64;

std::string make_header(const std::vector<TensorSpec>& specs, const Metadata& metadata) {
    JsonObject pairs, header;
    for (const auto& [key, value] : metadata) pairs.add(key, value);
    if (!metadata.empty()) header.add("__metadata__", pairs);
    int64_t begin = 0;
    for (const TensorSpec& spec : specs) {
        int64_t end = begin + spec.bytes();
        header.add(spec.name, JsonObject{{"dtype", info(spec.dtype).file_name},
                                         {"shape", spec.shape},
                                         {"data_offsets", std::vector{begin, end}}});
        begin = end;
    }
    std::string text = header.text();
    text.resize(round_up(length_bytes + text.size(), alignment) - length_bytes, ' ');
    return text;
}

void check_dtypes(const std::vector<TensorSpec>& specs, const std::filesystem::path& path) {
    for (const TensorSpec& spec : specs)
        check(!info(spec.dtype).file_name.empty(), "{}: safetensors has no {}, the dtype of tensor '{}'", path.string(),
              info(spec.dtype).name, spec.name);
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, const std::vector<TensorSpec>& specs,
                                     const Metadata& metadata)
    : file_(path), pending_(specs, path.string()) {
    check_dtypes(specs, path);
    std::string header = make_header(specs, metadata);
    std::array<char, length_bytes> length;
    for (size_t i = 0; i < length_bytes; ++i) length[i] = static_cast<char>(header.size() >> 8 * i & 0xff);
    file_.write({length.data(), length.size()});
    file_.write(header);
}

bool SafetensorsWriter::write(const Tensor& tensor) {
    bool complete = pending_.take(tensor);
    file_.write({static_cast<const std::byte*>(tensor.data), static_cast<size_t>(tensor.bytes())});
    return complete;
}

void SafetensorsWriter::commit() {
    pending_.check_all_taken();
    file_.commit();
}

void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       const Metadata& metadata) {
    std::vector<TensorSpec> specs;
    for (const NamedTensor& named : tensors) specs.push_back(spec_of(named));
    SafetensorsWriter writer(path, specs, metadata);
    for (const NamedTensor& named : tensors) writer.write(named.tensor);
    writer.commit();
}

}  // namespace puna
