// files/test_torch.h — for tests: a file as torch.save writes it, of f32 tensors.
//
//   write_file(folder / "pytorch_model.bin", torch_file({{"model.norm.weight", {2}, {1, 1}}}));
#pragma once
#include "files/test_pickle.h"
#include "files/test_zip.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace puna {

struct TorchTensor {
    std::string name;
    std::vector<int64_t> shape;
    std::vector<float> values;
};

inline std::string torch_file(const std::vector<TorchTensor>& tensors) {
    PickleBytes pickle;
    pickle.dict().mark();
    std::vector<std::pair<std::string, std::string>> parts;
    for (const TorchTensor& tensor : tensors) {
        std::string key = std::to_string(parts.size());
        std::vector<int64_t> strides(tensor.shape.size(), 1);
        for (size_t i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * tensor.shape[i];
        int64_t count = static_cast<int64_t>(tensor.values.size());
        pickle.tensor(tensor.name, "FloatStorage", key, count, 0, tensor.shape, strides);
        const char* bytes = reinterpret_cast<const char*>(tensor.values.data());
        parts.emplace_back("x/data/" + key, std::string(bytes, tensor.values.size() * sizeof(float)));
    }
    parts.emplace(parts.begin(), "x/data.pkl", pickle.end());
    return make_zip(parts, {}).bytes;
}

}  // namespace puna
