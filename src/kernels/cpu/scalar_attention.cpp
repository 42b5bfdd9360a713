// Attention as the formula: for each query a softmax over the keys that it sees, in blocks of 64 from position 0.
//
// m: largest score so far, l: sum of exp(score - m), o: sum of exp(score - m) * value. A block that raises m scales l
// and o by exp(old m - new m). At the end out = o / l and lse = m + log(l).
#include "core/math.h"
#include "core/threads.h"
#include "kernels/cpu/scalar.h"
#include "kernels/cpu/tables.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace puna::scalar {

namespace {

float exp(float x) { return static_cast<float>(exact::exp(x)); }

float dot(const float* a, const float* b, int64_t n) {
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
}

struct Head {
    int64_t head, kv, dim, kv_dim;  // kv: its key-value head; kv_dim: elements in a row of keys
    float scale;
    Head(int64_t h, AttentionShape shape)
        : head(h),
          kv(h / (shape.heads / shape.kv_heads)),
          dim(shape.head_dim),
          kv_dim(shape.kv_heads * shape.head_dim),
          scale(1 / std::sqrt(static_cast<float>(shape.head_dim))) {}
    const float* key(const AttentionSpan& span, int64_t j) const { return span.k + j * kv_dim + kv * dim; }
    const float* value(const AttentionSpan& span, int64_t j) const { return span.v + j * kv_dim + kv * dim; }
};

void attend_query(float* out, float* lse, const float* query, const AttentionSpan& span, int64_t position,
                  const Head& head) {
    float m = -std::numeric_limits<float>::infinity(), l = 0;
    std::fill(out, out + head.dim, 0.0f);
    for (int64_t block = 0; block <= position; block += cpu::key_block) {
        int64_t n = std::min(cpu::key_block, position + 1 - block);
        float score[cpu::key_block], largest = m;
        for (int64_t j = 0; j < n; ++j) {
            score[j] = dot(query, head.key(span, block + j), head.dim) * head.scale;
            largest = std::max(largest, score[j]);
        }
        float factor = exp(m - largest);
        l *= factor;
        for (int64_t d = 0; d < head.dim; ++d) out[d] *= factor;
        for (int64_t j = 0; j < n; ++j) {
            float p = exp(score[j] - largest);
            l += p;
            for (int64_t d = 0; d < head.dim; ++d) out[d] += p * head.value(span, block + j)[d];
        }
        m = largest;
    }
    for (int64_t d = 0; d < head.dim; ++d) out[d] /= l;
    *lse = m + static_cast<float>(exact::log(l));
}

}  // namespace

void attention(Stream, Tensor out, Tensor lse, Tensor q, std::span<const AttentionSpan> spans, AttentionShape shape) {
    check(q.columns() == shape.heads * shape.head_dim && out.columns() == q.columns(), "attention: {} of {}", out, q);
    for (const AttentionSpan& span : spans)
        parallel_for(span.n * shape.heads, [&](int64_t i) {
            int64_t row = span.first + i / shape.heads, position = span.keys - span.n + i / shape.heads;
            Head head(i % shape.heads, shape);
            attend_query(out.row<float>(row) + head.head * head.dim, lse.row<float>(row) + head.head,
                         q.row<float>(row) + head.head * head.dim, span, position, head);
        });
}

// With p = exp(score - lse) and ds = p * (dout . value - dout . out): dq += ds * k, dk += ds * q, dv += p * dout.
void attention_backward(Stream, Tensor dq, Tensor dk, Tensor dv, Tensor dout, Tensor out, Tensor lse, Tensor q,
                        std::span<const AttentionSpan> spans, AttentionShape shape) {
    int64_t group = shape.heads / shape.kv_heads;
    parallel_for(static_cast<int64_t>(spans.size()) * shape.kv_heads, [&](int64_t task) {
        const AttentionSpan& span = spans[static_cast<size_t>(task / shape.kv_heads)];
        check(span.keys == span.n, "attention gradient through a cache");
        int64_t first_head = task % shape.kv_heads * group;
        for (int64_t i = 0; i < span.n; ++i)
            for (int64_t h = first_head; h < first_head + group; ++h) {
                Head head(h, shape);
                int64_t row = span.first + i, at = h * head.dim, kv_at = head.kv * head.dim;
                const float *query = q.row<float>(row) + at, *d_out = dout.row<float>(row) + at;
                float total = dot(d_out, out.row<float>(row) + at, head.dim);
                for (int64_t j = 0; j <= i; ++j) {
                    const float *key = head.key(span, j), *value = head.value(span, j);
                    float p = exp(dot(query, key, head.dim) * head.scale - lse.row<float>(row)[h]);
                    float ds = p * (dot(d_out, value, head.dim) - total) * head.scale;
                    float *d_key = dk.row<float>(span.first + j) + kv_at,
                          *d_value = dv.row<float>(span.first + j) + kv_at;
                    for (int64_t d = 0; d < head.dim; ++d) {
                        dq.row<float>(row)[at + d] += ds * key[d];
                        d_key[d] += ds * query[d];
                        d_value[d] += p * d_out[d];
                    }
                }
            }
    });
}

}  // namespace puna::scalar
