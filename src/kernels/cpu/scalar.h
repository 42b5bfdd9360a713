// kernels/cpu/scalar.h — the reference kernels that have source files of their own: matmul, attention, block types,
// probes.
#pragma once
#include "kernels/kernels.h"

namespace puna::scalar {

std::vector<float> weight_row(const Tensor& w, int64_t r);  // row r of a matrix of any dtype and layout, in f32
void matmul(Stream, Tensor out, Tensor x, Tensor w);
void matmul_input_gradient(Stream, Tensor dx, Tensor dout, Tensor w);
void matmul_weight_gradient(Stream, const TreeSum& dw, Tensor dout, Tensor x, Dtype compute);

int64_t page_bytes(AttentionShape shape, Dtype dtype);
void append_kv(Stream, Tensor k, Tensor v, std::span<const AttentionSpan> spans, AttentionShape shape);
void attention(Stream, Tensor out, Tensor lse, Tensor q, std::span<const AttentionSpan> spans, AttentionShape shape);
void attention_backward(Stream, Tensor dq, Tensor dk, Tensor dv, Tensor dout, Tensor out, Tensor lse, Tensor q,
                        std::span<const AttentionSpan> spans, AttentionShape shape);

void dequantize(Stream, Tensor out, Tensor x);
void quantize(Stream, Tensor out, Tensor x, Tensor importance);

double probe_f32(int64_t rounds);
double probe_int8(int64_t rounds);
float probe_read(const float* values, int64_t n);

}  // namespace puna::scalar
