#include "core/checked.h"
#include "core/json_text.h"
#include "files/safetensors.h"

#include <fmt/core.h>

#include <algorithm>

namespace puna {

namespace {

constexpr size_t length_bytes = 8, alignment = 64;

int64_t count_of(const TensorSpec& spec) { return Tensor(nullptr, spec.dtype, spec.shape).count(); }

std::string make_header(const std::vector<TensorSpec>& specs, const Metadata& metadata) {
    JsonObject pairs, header;
    for (const auto& [key, value] : metadata) pairs.add(key, value);
    if (!metadata.empty()) header.add("__metadata__", pairs);
    int64_t begin = 0;
    for (const TensorSpec& spec : specs) {
        int64_t end = begin + Tensor(nullptr, spec.dtype, spec.shape).bytes();
        header.add(spec.name, JsonObject{{"dtype", info(spec.dtype).file_name},
                                         {"shape", spec.shape},
                                         {"data_offsets", std::vector{begin, end}}});
        begin = end;
    }
    std::string text = header.text();
    text.resize(round_up(length_bytes + text.size(), alignment) - length_bytes, ' ');
    return text;
}

void check_specs(const std::vector<TensorSpec>& specs, const std::filesystem::path& path) {
    std::vector<std::string_view> names;
    for (const TensorSpec& spec : specs) {
        check(!info(spec.dtype).file_name.empty(), "{}: safetensors has no {}, the dtype of tensor '{}'", path.string(),
              info(spec.dtype).name, spec.name);
        names.push_back(spec.name);
    }
    std::sort(names.begin(), names.end());
    auto duplicate = std::adjacent_find(names.begin(), names.end());
    if (duplicate != names.end()) throw_bug(fmt::format("{}: duplicate tensor '{}'", path.string(), *duplicate));
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, const std::vector<TensorSpec>& specs,
                                     const Metadata& metadata)
    : file_(path) {
    check_specs(specs, path);
    std::string header = make_header(specs, metadata);
    std::array<char, length_bytes> length;
    for (size_t i = 0; i < length_bytes; ++i) length[i] = static_cast<char>(header.size() >> 8 * i & 0xff);
    file_.write({length.data(), length.size()});
    file_.write(header);
    for (size_t i = specs.size(); i-- > 0;) left_.push_back({specs[i].dtype, count_of(specs[i])});
}

void SafetensorsWriter::write(const Tensor& tensor) {
    check(!left_.empty(), "write: {} was not declared", tensor);
    auto& [dtype, count] = left_.back();
    check(tensor.dtype == dtype && tensor.count() <= count, "write: {} does not fit the remaining {} elements of {}",
          tensor, count, info(dtype).name);
    count -= tensor.count();
    if (count == 0) left_.pop_back();
    file_.write({static_cast<const std::byte*>(tensor.data), static_cast<size_t>(tensor.bytes())});
}

void SafetensorsWriter::commit() {
    check(left_.empty(), "commit: {} declared tensors were not written", left_.size());
    file_.commit();
}

TensorSpec spec_of(const NamedTensor& named) {
    const Tensor& tensor = named.tensor;
    return {named.name, tensor.dtype, {tensor.size.begin(), tensor.size.begin() + tensor.rank}};
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
