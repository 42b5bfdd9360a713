// files/weights_file.h — a file of a model's weights in either form that Hugging Face's folders have: safetensors, or a
// pickle of torch.save.
//
//   WeightsFile file("pytorch_model.bin");                          // by its name: .safetensors, or else torch.save's
//   if (const TensorEntry* entry = file.find("norm.weight")) w = file.tensor(*entry);
#pragma once
#include "files/safetensors.h"
#include "files/torch_file.h"

#include <filesystem>
#include <span>
#include <string_view>

namespace puna {

class WeightsFile {
 public:
    // Throws Error if anything is wrong with the list of tensors.
    explicit WeightsFile(const std::filesystem::path& path);

    std::span<const TensorEntry> entries() const { return table_.tensors.entries(); }
    const TensorEntry* find(std::string_view name) const { return table_.tensors.find(name); }
    const std::filesystem::path& path() const { return file_.path(); }
    Tensor tensor(const TensorEntry& entry) { return table_.tensors.tensor(entry); }  // see TensorTable
    Tensor view(const TensorEntry& entry) const { return table_.tensors.view(entry); }

 private:
    MappedFile file_;
    SafetensorsTable table_;
};

}  // namespace puna
