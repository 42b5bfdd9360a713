#include "files/tensor_spec.h"

#include <algorithm>

namespace puna {

TensorSpec spec_of(const NamedTensor& named) {
    const Tensor& tensor = named.tensor;
    return {named.name, tensor.dtype, {tensor.size.begin(), tensor.size.begin() + tensor.rank}};
}

PendingTensors::PendingTensors(const std::vector<TensorSpec>& specs, std::string_view file) {
    std::vector<std::string_view> names;
    for (const TensorSpec& spec : specs) names.push_back(spec.name);
    std::sort(names.begin(), names.end());
    auto duplicate = std::adjacent_find(names.begin(), names.end());
    if (duplicate != names.end()) throw_bug(fmt::format("{}: duplicate tensor '{}'", file, *duplicate));
    for (size_t i = specs.size(); i-- > 0;) left_.push_back({specs[i].dtype, specs[i].count()});
}

bool PendingTensors::take(const Tensor& tensor) {
    check(!left_.empty(), "write: {} was not declared", tensor);
    auto& [dtype, count] = left_.back();
    check(tensor.dtype == dtype && tensor.count() <= count, "write: {} does not fit the remaining {} elements of {}",
          tensor, count, info(dtype).name);
    count -= tensor.count();
    if (count > 0) return false;
    left_.pop_back();
    return true;
}

void PendingTensors::check_all_taken() const {
    check(left_.empty(), "commit: {} declared tensors were not written", left_.size());
}

}  // namespace puna
