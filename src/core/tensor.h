// core/tensor.h — non-owning tensor view: pointer, dtype, up to four dimensions, row-major and contiguous.
//
//   Tensor x = arena.tensor(Dtype::f32, {tokens, dim});
//   float* row = x.row<float>(3);                          // checked against x.dtype
//
// Memory is owned by an Arena (activations), Llama::memory (weights), a MappedFile (weights on disk) or a KvCache.
#pragma once
#include "core/dtype.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace puna {

struct Tensor {
    void* data = nullptr;
    Dtype dtype = Dtype::f32;
    int rank = 0;
    std::array<int64_t, 4> size{};  // size[0] .. size[rank - 1]; the last is contiguous

    Tensor() = default;
    Tensor(void* pointer, Dtype type, std::span<const int64_t> sizes);
    Tensor(void* pointer, Dtype type, std::initializer_list<int64_t> sizes)
        : Tensor(pointer, type, std::span(sizes.begin(), sizes.size())) {}

    explicit operator bool() const { return data != nullptr; }
    int64_t count() const;  // number of elements
    int64_t bytes() const { return count() * size_of(dtype); }
    int64_t columns() const { return rank == 0 ? 1 : size[static_cast<size_t>(rank - 1)]; }
    int64_t rows() const { return columns() == 0 ? 0 : count() / columns(); }

    template <class T>
    T* as() const {
        check(dtype == dtype_of<T>, "tensor of {} accessed as {}", info(dtype).name, info(dtype_of<T>).name);
        return static_cast<T*>(data);
    }
    template <class T>
    T* row(int64_t r) const {
        return as<T>() + r * columns();
    }
    template <class T>
    std::span<T> span() const {
        return {as<T>(), static_cast<size_t>(count())};
    }

    Tensor slice(int64_t first, int64_t n) const;                // rows first .. first + n of size[0]
    Tensor reshape(std::initializer_list<int64_t> sizes) const;  // same data, same count
    std::string shape() const;                                   // "bf16 [3, 64]"
};

}  // namespace puna

template <>
struct fmt::formatter<puna::Tensor> {
    constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
    auto format(const puna::Tensor& tensor, fmt::format_context& context) const {
        std::string shape = tensor.shape();
        return std::copy(shape.begin(), shape.end(), context.out());
    }
};
