// files/torch_writer.h — writes tensors as torch.save writes a dict of them: Meta's consolidated.00.pth.
//
//   TorchWriter writer("consolidated.00.pth", specs);
//   for (const Tensor& tensor : tensors) writer.write(tensor);                  // in the order of specs, each whole
//   writer.commit();
//
// torch.load(path, weights_only=True) reads it, as does files/torch_file.h. Each tensor has a storage of its own, whose
// bytes are aligned to 64. The format has f32, f16 and bf16; other dtypes are a Bug. Source: serialization.py of
// PyTorch; pickletools.py of Python.
#pragma once
#include "files/tensor_spec.h"
#include "files/zip_writer.h"

#include <cstddef>
#include <filesystem>
#include <vector>

namespace puna {

class TorchWriter {
 public:
    TorchWriter(const std::filesystem::path& path, const std::vector<TensorSpec>& specs);

    void write(const Tensor& tensor);
    void commit();

 private:
    ZipWriter zip_;
    PendingTensors pending_;
    size_t written_ = 0;
};

}  // namespace puna
