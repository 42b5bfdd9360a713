// files/torch_file.h — the tensors of a file that torch.save wrote, such as Meta's consolidated.00.pth.
//
//   TorchFile file("consolidated.00.pth");                          // memory-mapped: opening reads only the list
//   for (const TensorEntry& entry : file.entries()) use(entry);      // in the order of the saved dict
//   Tensor w = file.tensor("norm.weight");
//
// Format: a zip archive (files/zip.h) with a pickle (files/pickle.h) of a dict of tensors and the bytes of each
// storage. Tensors may share a storage; each must be contiguous and lie inside of it. Anything else throws Error with
// the path and the tensor. Little-endian; the formats from before PyTorch 1.6 are refused. Source: serialization.py of
// PyTorch.
#pragma once
#include "core/mapped_file.h"
#include "files/tensor_table.h"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace puna {

// Views into `bytes`, which must outlive the table.
TensorTable parse_torch(std::span<const std::byte> bytes, std::string_view path);

class TorchFile {
 public:
    explicit TorchFile(const std::filesystem::path& path);

    std::span<const TensorEntry> entries() const { return tensors_.entries(); }
    const TensorEntry* find(std::string_view name) const { return tensors_.find(name); }
    const std::filesystem::path& path() const { return file_.path(); }
    Tensor tensor(const TensorEntry& entry) { return tensors_.tensor(entry); }  // see TensorTable
    Tensor tensor(std::string_view name) { return tensors_.tensor(name); }
    Tensor view(const TensorEntry& entry) const { return tensors_.view(entry); }

 private:
    MappedFile file_;
    TensorTable tensors_;
};

}  // namespace puna
