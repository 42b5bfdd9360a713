// files/tensor_table.h — the tensors of a file by name, as the reader of every container lists them.
//
//   TensorTable table("llama.gguf", std::move(entries));           // throws Error if a name is there twice
//   if (const TensorEntry* entry = table.find("norm.weight")) use(*entry);
//   Tensor w = table.tensor("norm.weight");                        // a view of the file's bytes
//
// A dtype unknown to core/dtype.h, or more than four dimensions, is an error only in tensor(). Names and bytes belong
// to the file's mapping, which must outlive the table.
#pragma once
#include "core/aligned_memory.h"
#include "core/tensor.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace puna {

struct TensorEntry {
    std::string_view name, dtype_name;  // as in the file
    std::span<const std::byte> bytes;   // may be misaligned: see TensorTable::tensor
    std::array<int64_t, 4> shape{};     // the first four dimensions; the last is contiguous
    int rank = 0;
    std::optional<Dtype> dtype;  // empty: not supported
};

// Whether a view can be used for its numbers.
bool is_aligned(const Tensor& view);

class TensorTable {
 public:
    // path: begins the messages of errors. An entry's bytes have the size of its shape in its dtype.
    TensorTable(std::string path, std::vector<TensorEntry> entries);

    std::span<const TensorEntry> entries() const { return entries_; }  // in the order given
    const TensorEntry* find(std::string_view name) const;

    // A view of the entry's bytes, which must not be written to; of a tensor that is not aligned for its dtype (older
    // files have these), of a copy that belongs to this object. Equal bytes are copied once, and all copies together
    // are at most as large as the file. Not thread-safe.
    Tensor tensor(const TensorEntry& entry);
    Tensor tensor(std::string_view name);  // throws Error if there is none

    // A view without a copy, even if it is not aligned: for its shape, type and place, not for its numbers.
    Tensor view(const TensorEntry& entry) const;

 private:
    const std::byte* aligned_copy(const TensorEntry& entry);

    std::string path_;
    std::vector<TensorEntry> entries_;
    std::vector<uint32_t> by_name_;                                       // indices of entries, sorted by name
    std::map<std::pair<const std::byte*, size_t>, AlignedBytes> copies_;  // by what was copied
    size_t copied_ = 0, extent_ = 0;  // bytes of all copies; from the first tensor to the end of the last, once needed
};

}  // namespace puna
