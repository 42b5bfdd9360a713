// files/tensor_spec.h — the tensors that a file is to hold, and the order in which a writer expects them.
//
//   std::vector<TensorSpec> specs{{"norm.weight", Dtype::f32, {64}}};
//   PendingTensors pending(specs, "out.gguf");
//   bool complete = pending.take(norm);                // the next tensor, or the next part of it
//   pending.check_all_taken();
#pragma once
#include "core/tensor.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace puna {

struct TensorSpec {
    std::string name;
    Dtype dtype = Dtype::f32;
    std::vector<int64_t> shape;

    int64_t count() const { return Tensor(nullptr, dtype, shape).count(); }
    int64_t bytes() const { return Tensor(nullptr, dtype, shape).bytes(); }
};

struct NamedTensor {
    std::string name;
    Tensor tensor;
};
TensorSpec spec_of(const NamedTensor& named);

// Tensors come in the order of their specs, each at once or in parts. Anything else is a Bug, as is a duplicate name.
class PendingTensors {
 public:
    PendingTensors(const std::vector<TensorSpec>& specs, std::string_view file);

    bool take(const Tensor& tensor);  // whether it completes the tensor that was expected
    void check_all_taken() const;

 private:
    std::vector<std::pair<Dtype, int64_t>> left_;  // dtype and remaining count; the next tensor is last
};

}  // namespace puna
