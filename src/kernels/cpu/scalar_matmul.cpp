// Letters as in kernels.h: T tokens, D columns of x, O columns of the output. Sums run from the first element to the
// last.
#include "core/threads.h"
#include "kernels/cpu/panels.h"
#include "kernels/cpu/scalar.h"
#include "kernels/cpu/tables.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <vector>

namespace puna::scalar {

namespace {

// (included inside the namespace: each instruction set compiles its own)
#include "kernels/cpu/tree_sum.inl"

// The operands of a matmul: x, rounded to bf16 if that is the weight's type.
std::vector<float> operands(const float* x, int64_t n, Dtype compute) {
    std::vector<float> row(x, x + n);
    if (compute == Dtype::bf16)
        for (float& value : row) value = static_cast<float>(bf16(value));
    return row;
}

}  // namespace

std::vector<float> weight_row(const Tensor& w, int64_t r) {
    std::vector<float> row(static_cast<size_t>(w.columns()));
    if (is_block_type(w.dtype)) {
        cpu::dequantize_part(row.data(), w, r, 0, w.columns());
        return row;
    }
    with_type(w.dtype, [&]<class W>() {
        std::vector<W> stored(row.size());
        cpu::read_row(stored.data(), w, r);
        std::transform(stored.begin(), stored.end(), row.begin(), [](W x) { return static_cast<float>(x); });
    });
    return row;
}

void matmul(Stream, Tensor out, Tensor x, Tensor w) {
    int64_t O = out.columns(), D = x.columns();
    check(w.size[0] == O && w.columns() == D && out.rows() == x.rows(), "matmul: {} = {} x {}", out, x, w);
    std::vector<float> rows = operands(x.as<float>(), x.count(), w.dtype);
    parallel_for(O, [&](int64_t o) {
        std::vector<float> weight = weight_row(w, o);
        for (int64_t t = 0; t < x.rows(); ++t) {
            const float* row = rows.data() + t * D;
            float sum = 0;
            for (int64_t d = 0; d < D; ++d) sum += row[d] * weight[static_cast<size_t>(d)];
            out.row<float>(t)[o] = sum;
        }
    });
}

void matmul_input_gradient(Stream, Tensor dx, Tensor dout, Tensor w) {
    int64_t O = dout.columns(), D = dx.columns();
    check(w.size[0] == O && w.columns() == D && dout.rows() == dx.rows(), "matmul gradient: {} = {} x {}", dx, dout, w);
    std::vector<float> rows = operands(dout.as<float>(), dout.count(), w.dtype), sum(static_cast<size_t>(dx.count()));
    for (int64_t o = 0; o < O; ++o) {
        std::vector<float> weight = weight_row(w, o);
        parallel_for(dx.rows(), [&](int64_t t) {
            for (int64_t d = 0; d < D; ++d)
                sum[static_cast<size_t>(t * D + d)] +=
                    rows[static_cast<size_t>(t * O + o)] * weight[static_cast<size_t>(d)];
        });
    }
    for (int64_t i = 0; i < dx.count(); ++i) dx.as<float>()[i] += sum[static_cast<size_t>(i)];
}

void matmul_weight_gradient(Stream, const TreeSum& dw, Tensor dout, Tensor x, Dtype compute) {
    int64_t O = dout.columns(), D = x.columns();
    check(dout.rows() == x.rows(), "matmul weight gradient: {}, {}", dout, x);
    with_type(compute, []<class>() {});  // any other dtype is a Bug
    std::vector<float> left = operands(dout.as<float>(), dout.count(), compute),
                       right = operands(x.as<float>(), x.count(), compute);
    parallel_for(O, [&](int64_t o) {
        std::vector<float> part(static_cast<size_t>(D)), scratch(static_cast<size_t>(TreeTile::scratch_levels(dw) * D));
        TreeTile tile{dw, o, 0, 1, D, D, scratch.data()};
        for (int64_t c = 0; c < dw.chunks(); ++c) {
            std::fill(part.begin(), part.end(), 0.0f);
            for (int64_t t = dw.chunk[static_cast<size_t>(c)]; t < dw.chunk[static_cast<size_t>(c) + 1]; ++t) {
                float gradient = left[static_cast<size_t>(t * O + o)];
                const float* row = right.data() + t * D;
                for (int64_t d = 0; d < D; ++d) part[static_cast<size_t>(d)] += gradient * row[d];
            }
            tile.push(c, part.data());
        }
    });
}

}  // namespace puna::scalar
