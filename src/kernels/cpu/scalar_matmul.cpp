// Letters as in kernels.h: T tokens, D columns of x, O columns of the output. Sums run from the first element to the
// last.
#include "core/threads.h"
#include "kernels/cpu/scalar.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

namespace puna::scalar {

namespace {

// (included inside the namespace: each instruction set compiles its own)
#include "kernels/cpu/tree_sum.inl"

// The operands of a matmul: x, rounded to bf16 if that is the compute type.
std::vector<float> operands(const float* x, int64_t n, Dtype compute) {
    std::vector<float> row(x, x + n);
    if (compute == Dtype::bf16)
        for (float& value : row) value = static_cast<float>(bf16(value));
    return row;
}

}  // namespace

void matmul(Stream, Tensor out, Tensor x, Tensor w) {
    int64_t O = out.columns(), D = x.columns();
    check(w.size[0] == O && w.columns() == D && out.rows() == x.rows(), "matmul: {} = {} x {}", out, x, w);
    with_type(w.dtype, [&]<class W>() {
        parallel_for(x.rows(), [&](int64_t t) {
            std::vector<float> row = operands(x.row<float>(t), D, w.dtype);
            for (int64_t o = 0; o < O; ++o) {
                const W* weight = w.row<W>(o);
                float sum = 0;
                for (int64_t d = 0; d < D; ++d) sum += row[static_cast<size_t>(d)] * static_cast<float>(weight[d]);
                out.row<float>(t)[o] = sum;
            }
        });
    });
}

void matmul_input_gradient(Stream, Tensor dx, Tensor dout, Tensor w) {
    int64_t O = dout.columns(), D = dx.columns();
    check(w.size[0] == O && w.columns() == D && dout.rows() == dx.rows(), "matmul gradient: {} = {} x {}", dx, dout, w);
    with_type(w.dtype, [&]<class W>() {
        parallel_for(dx.rows(), [&](int64_t t) {
            std::vector<float> row = operands(dout.row<float>(t), O, w.dtype), sum(static_cast<size_t>(D));
            for (int64_t o = 0; o < O; ++o) {
                const W* weight = w.row<W>(o);
                for (int64_t d = 0; d < D; ++d)
                    sum[static_cast<size_t>(d)] += row[static_cast<size_t>(o)] * static_cast<float>(weight[d]);
            }
            for (int64_t d = 0; d < D; ++d) dx.row<float>(t)[d] += sum[static_cast<size_t>(d)];
        });
    });
}

void matmul_weight_gradient(Stream, const TreeSum& dw, Tensor dout, Tensor x, Dtype compute) {
    int64_t O = dout.columns(), D = x.columns();
    check(dout.rows() == x.rows(), "matmul weight gradient: {}, {}", dout, x);
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
