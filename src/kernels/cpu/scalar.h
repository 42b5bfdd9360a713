// kernels/cpu/scalar.h — the reference kernels, by file: matmul, attention and all the rest.
#pragma once
#include "kernels/kernels.h"

namespace puna::scalar {

void matmul(Stream, Tensor out, Tensor x, Tensor w);
void matmul_input_gradient(Stream, Tensor dx, Tensor dout, Tensor w);
void matmul_weight_gradient(Stream, const TreeSum& dw, Tensor dout, Tensor x, Dtype compute);

void attention(Stream, Tensor out, Tensor lse, Tensor q, std::span<const AttentionSpan> spans, AttentionShape shape);
void attention_gradient(Stream, Tensor dq, Tensor dk, Tensor dv, Tensor dout, Tensor out, Tensor lse, Tensor q,
                        std::span<const AttentionSpan> spans, AttentionShape shape);

}  // namespace puna::scalar
