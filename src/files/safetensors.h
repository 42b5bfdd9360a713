// files/safetensors.h — the safetensors file format: tensors by name in one file.
//
//   SafetensorsFile file("model.safetensors");                    // memory-mapped: opening reads only the header
//   for (const TensorEntry& entry : file.entries()) use(entry);    // in the order of their data
//   if (const TensorEntry* entry = file.find("norm.weight")) w = file.tensor(*entry);
//
//   write_safetensors("out.safetensors", {{"norm.weight", w}});    // all at once
//   SafetensorsWriter writer("out.safetensors", specs);            // or one by one, in the order of specs
//   writer.write(w);
//   writer.commit();
//
// Format: a 64-bit little-endian length N, N bytes of JSON {name: {dtype, shape, data_offsets}}, then the data. Reading
// is strict: data without overlaps or gaps, sizes that match dtype and shape, unique names; otherwise it throws Error
// with the path and the tensor or byte. A dtype unknown to core/dtype.h, or more than four dimensions, is an error only
// in tensor(). The format has no block types; writing one is a Bug. Output is deterministic, with the data section
// aligned to 64 bytes. Source: README of the safetensors project.
#pragma once
#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/tensor.h"
#include "files/json_strings.h"
#include "files/tensor_spec.h"
#include "files/tensor_table.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace puna {

// The parsed header, as views into `bytes`, which must outlive it. Uses less than twice the memory of `bytes`.
struct SafetensorsTable {
    JsonStrings strings;
    TensorTable tensors;  // in the order of their data
};
SafetensorsTable parse_safetensors(std::span<const std::byte> bytes, std::string_view path);

class SafetensorsFile {
 public:
    explicit SafetensorsFile(const std::filesystem::path& path);

    std::span<const TensorEntry> entries() const { return table_.tensors.entries(); }
    const TensorEntry* find(std::string_view name) const { return table_.tensors.find(name); }
    const std::filesystem::path& path() const { return file_.path(); }

    Tensor tensor(const TensorEntry& entry) { return table_.tensors.tensor(entry); }  // see TensorTable
    Tensor tensor(std::string_view name) { return table_.tensors.tensor(name); }

    std::optional<std::string> metadata(std::string_view key) const;  // parses the header again

 private:
    MappedFile file_;
    SafetensorsTable table_;
};

using Metadata = std::vector<std::pair<std::string, std::string>>;

// Streams tensors to a file in the order of specs, without buffering them. The file appears atomically at commit.
// If dtypes are mixed, put wider ones first, so that all data is aligned.
class SafetensorsWriter {
 public:
    SafetensorsWriter(const std::filesystem::path& path, const std::vector<TensorSpec>& specs,
                      const Metadata& metadata = {});

    bool write(const Tensor& tensor);  // the next tensor, or the next part of it: whether it is complete then
    void commit();                     // after the last tensor

 private:
    AtomicFile file_;
    PendingTensors pending_;
};

void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       const Metadata& metadata = {});

}  // namespace puna
