#include "core/tensor.h"

#include "core/checked.h"

#include <algorithm>

namespace puna {

Tensor::Tensor(void* pointer, Dtype type, std::span<const int64_t> sizes)
    : data(pointer), dtype(type), rank(static_cast<int>(sizes.size())) {
    check(sizes.size() <= size.size(), "a tensor has at most 4 dimensions, not {}", sizes.size());
    std::copy(sizes.begin(), sizes.end(), size.begin());
    int64_t elements = 1;
    for (int64_t n : sizes) {
        std::optional<int64_t> product = n < 0 ? std::nullopt : checked_multiply(elements, n);
        check(product.has_value(), "invalid tensor size {}", n);
        elements = *product;
    }
    check(checked_multiply(elements, size_of(dtype)).has_value(), "tensor of {} elements is too large", elements);
}

int64_t Tensor::count() const {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= size[static_cast<size_t>(i)];
    return n;
}

Tensor Tensor::slice(int64_t first, int64_t n) const {
    check(rank > 0 && first >= 0 && n >= 0 && first + n <= size[0], "rows {} to {} of {}", first, first + n, *this);
    Tensor part = *this;
    part.size[0] = n;
    int64_t stride = size[0] == 0 ? 0 : bytes() / size[0];
    part.data = static_cast<std::byte*>(data) + first * stride;
    return part;
}

Tensor Tensor::reshape(std::initializer_list<int64_t> sizes) const {
    Tensor other(data, dtype, sizes);
    check(other.count() == count(), "{} does not reshape to {}", *this, other);
    return other;
}

std::string Tensor::shape() const {
    std::string text = fmt::format("{} [", info(dtype).name);
    for (int i = 0; i < rank; ++i) text += fmt::format("{}{}", i ? ", " : "", size[static_cast<size_t>(i)]);
    return text + "]";
}

}  // namespace puna
