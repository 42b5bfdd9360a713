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
    check(columns() % info(dtype).block == 0, "{} has rows of {} elements, not whole blocks of {}", *this, columns(),
          info(dtype).block);
    check(bytes_of(dtype, elements).has_value(), "tensor of {} elements is too large", elements);
}

int64_t Tensor::count() const {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= size[static_cast<size_t>(i)];
    return n;
}

Tensor Tensor::slice(int64_t first, int64_t n) const {
    check(rank > 0 && first >= 0 && n >= 0 && first + n <= size[0], "rows {} to {} of {}", first, first + n, *this);
    check(first % panel_rows == 0 && (n % panel_rows == 0 || first + n == size[0]),
          "rows {} to {} of panels of {} rows", first, first + n, panel_rows);
    int64_t stride = size[0] == 0 ? 0 : count() / size[0];
    std::optional<int64_t> offset = bytes_of(dtype, first * stride);
    check(offset && bytes_of(dtype, n * stride), "elements {} to {} of {} are not whole blocks", first, first + n,
          *this);
    Tensor part = *this;
    part.size[0] = n;
    part.data = static_cast<std::byte*>(data) + *offset;
    return part;
}

Tensor Tensor::reshape(std::initializer_list<int64_t> sizes) const {
    Tensor other(data, dtype, sizes);
    check(other.count() == count() && !is_packed(), "{} does not reshape to {}", *this, other);
    return other;
}

Tensor Tensor::in_panels(void* pointer, int panel) const {
    check(rank == 2 && panel > 0, "{} in panels of {} rows", *this, panel);
    Tensor packed = *this;
    packed.data = pointer;
    packed.panel_rows = panel;
    return packed;
}

std::string Tensor::shape() const {
    std::string text = fmt::format("{} [", info(dtype).name);
    for (int i = 0; i < rank; ++i) text += fmt::format("{}{}", i ? ", " : "", size[static_cast<size_t>(i)]);
    return text + (is_packed() ? fmt::format("] in panels of {}", panel_rows) : "]");
}

}  // namespace puna
