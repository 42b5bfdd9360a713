// files/torch_writer.h — writes tensors as torch.save writes a dict of them: Meta's consolidated.00.pth.
//
//   TorchWriter writer("consolidated.00.pth", specs);
//   for (const Tensor& tensor : tensors) writer.write(tensor);      // in the order of specs, each at once or in parts
//   writer.commit();
//
// torch.load(path, weights_only=True) reads it, as does files/torch_file.h. Each tensor has a storage of its own, whose
// bytes are aligned to 64; one in parts is held in memory until it is complete, as its checksum precedes it. The format
// has f32, f16 and bf16; other dtypes are a Bug. Source: serialization.py of PyTorch; pickletools.py of Python.
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
    std::vector<std::byte> parts_;  // of a tensor that is not complete
};

}  // namespace puna
