// core/tensor.h — non-owning tensor view: pointer, dtype, up to four dimensions, row-major and contiguous.
//
//   Tensor x = arena.tensor(Dtype::f32, {tokens, dim});
//   float* row = x.row<float>(3);                          // checked against x.dtype
//
// A matrix has one of two layouts: its rows one after the other, or panels of n rows whose bytes are interleaved in
// pieces of four, in the order in which a product reads them (kernels.h, pack): piece 0 of each of the n rows, then
// piece 1, and so on. The last panel is filled up with zeros. A block of a block type begins with a piece of its own
// (DtypeInfo::head) where its scale comes first, and may end with a shorter one.
//
// Rows are whole blocks of the dtype. Access to elements is for plain types; blocks of the others: core/blocks.h.
//
// Memory is owned by an Arena (activations), a Buffer (weights, cache, gradients) or a MappedFile (weights on disk).
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
    int panel_rows = 1;             // the layout: 1: rows; n: panels of n rows

    Tensor() = default;
    Tensor(void* pointer, Dtype type, std::span<const int64_t> sizes);
    Tensor(void* pointer, Dtype type, std::initializer_list<int64_t> sizes)
        : Tensor(pointer, type, std::span(sizes.begin(), sizes.size())) {}

    explicit operator bool() const { return data != nullptr; }
    bool is_packed() const { return panel_rows > 1; }
    int64_t count() const;  // number of elements
    int64_t bytes() const { return padded_rows() * row_bytes(); }
    int64_t columns() const { return rank == 0 ? 1 : size[static_cast<size_t>(rank - 1)]; }
    int64_t rows() const { return columns() == 0 ? 0 : count() / columns(); }
    int64_t row_bytes() const { return columns() / info(dtype).block * info(dtype).block_bytes; }

    template <class T>
    T* as() const {
        check(dtype == dtype_of<T>, "tensor of {} accessed as {}", info(dtype).name, info(dtype_of<T>).name);
        check(!is_packed(), "panels accessed as rows");
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

    Tensor slice(int64_t first, int64_t n) const;  // first .. first + n of size[0], in whole blocks and whole panels
    Tensor reshape(std::initializer_list<int64_t> sizes) const;  // same data, same count; rows only
    Tensor in_panels(void* pointer, int panel) const;            // the same matrix in panels, at another place
    std::string shape() const;                                   // "bf16 [3, 64]"

 private:
    int64_t padded_rows() const { return (rows() + panel_rows - 1) / panel_rows * panel_rows; }
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
