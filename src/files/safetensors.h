// files/safetensors.h — tensors by name in one file: the form in which models are exchanged.
//
//   SafetensorsFile file("model.safetensors");                    // mapped: opening reads the header only
//   for (const TensorEntry& entry : file.entries()) ...            // in the order of their bytes
//   if (const TensorEntry* entry = file.find("norm.weight")) Tensor w = file.tensor(*entry);
//
//   write_safetensors("out.safetensors", {{"norm.weight", w}});    // all at once
//   SafetensorsWriter writer("out.safetensors", specs);            // or as they are made, in the order of specs
//   writer.write(w);
//   writer.commit();
//
// A file is eight bytes N (little-endian), N bytes of JSON {name: {dtype, shape, data_offsets}}, then the numbers.
// Reading is strict: offsets without overlap or holes, sizes that agree with dtype and shape, no name twice; anything
// else throws Error with the path and the tensor or byte. A dtype that core/dtype.h lacks, or more than four sizes, is
// an error only for tensor(). Written files are the same bytes for the same input, with the numbers at a multiple of 64
// bytes. Source: the README of the safetensors project.
#pragma once
#include "core/arena.h"
#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/tensor.h"
#include "files/json_strings.h"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace puna {

struct TensorEntry {
    std::string_view name, dtype_name;  // as the file spells them
    std::span<const std::byte> bytes;   // at any address: see SafetensorsFile::tensor
    std::array<int64_t, 4> shape{};     // the first four sizes
    int rank = 0;
    std::optional<Dtype> dtype;  // empty: one that we do not compute with
};

// The header of a file, as views into `bytes`, which must outlive it. The memory it takes is less than twice the bytes.
struct SafetensorsTable {
    std::vector<TensorEntry> entries;  // in the order of their bytes
    std::vector<uint32_t> by_name;     // indices of entries, sorted by name
    JsonStrings strings;

    const TensorEntry* find(std::string_view name) const;
};
SafetensorsTable parse_safetensors(std::span<const std::byte> bytes, std::string_view path);

class SafetensorsFile {
 public:
    explicit SafetensorsFile(const std::filesystem::path& path);

    std::span<const TensorEntry> entries() const { return table_.entries; }
    const TensorEntry* find(std::string_view name) const { return table_.find(name); }
    const std::filesystem::path& path() const { return file_.path(); }

    // A view of the mapped bytes, which must not be written to. Where numbers are not aligned for their dtype (older
    // files do that), the first call for such a tensor copies all of them to memory of this object, where entries then
    // point; so not from two threads at once.
    Tensor tensor(const TensorEntry& entry);
    Tensor tensor(std::string_view name);  // Error where there is none

    std::optional<std::string> metadata(std::string_view key) const;  // reads the header again

 private:
    void copy_misaligned();

    MappedFile file_;
    SafetensorsTable table_;
    AlignedBytes copies_;
};

using Metadata = std::vector<std::pair<std::string, std::string>>;

struct TensorSpec {
    std::string name;
    Dtype dtype = Dtype::f32;
    std::vector<int64_t> shape;
};

// Writes tensors as they come, in the order of specs, holding none of them. The file appears at commit, whole.
// For aligned reading, put wider dtypes first where they are mixed.
class SafetensorsWriter {
 public:
    SafetensorsWriter(const std::filesystem::path& path, const std::vector<TensorSpec>& specs,
                      const Metadata& metadata = {});

    void write(const Tensor& tensor);  // the next one, or the next part of it; dtype as declared
    void commit();                     // after the last one

 private:
    AtomicFile file_;
    std::vector<std::pair<Dtype, int64_t>> left_;  // dtype and count, the next one last
};

struct NamedTensor {
    std::string name;
    Tensor tensor;
};
TensorSpec spec_of(const NamedTensor& named);
void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       const Metadata& metadata = {});

}  // namespace puna
