// Attention as the formula: for each query a softmax over the keys that it sees, in segments of 1,024 from position 0
// and blocks of 64.
//
// m: largest score so far, l: sum of exp(score - m), o: sum of exp(score - m) * value. A block that raises m scales l
// and o by exp(old m - new m). A segment has m, l and o of its own, which are then added to those before it, both
// scaled to the larger m. At the end out = o / l and lse = m + log(l).
#include "core/math.h"
#include "core/threads.h"
#include "kernels/cpu/scalar.h"
#include "kernels/cpu/tables.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace puna::scalar {

namespace {

float exp(float x) { return static_cast<float>(exact::exp(x)); }

float dot(const float* a, const float* b, int64_t n) {
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
}

// A page: rows of keys [64, kv_dim], then rows of values.
std::byte* row_in_page(const AttentionSpan& span, int64_t j, bool value, int64_t kv_dim) {
    int64_t page = span.pages[static_cast<size_t>(j / page_tokens)], row = j % page_tokens + (value ? page_tokens : 0);
    return span.cache.data + page * span.cache.page_bytes + *bytes_of(span.cache.dtype, row * kv_dim);
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

// [n, dim]: n keys or values from the first on, of rows or of a page.
std::vector<float> read_block(const AttentionSpan& span, int64_t first, int64_t n, bool value, const Head& head) {
    std::vector<float> block;
    for (int64_t j = first; j < first + n; ++j) {
        if (span.pages.empty()) {
            const float* row = value ? head.value(span, j) : head.key(span, j);
            block.insert(block.end(), row, row + head.dim);
            continue;
        }
        with_type(span.cache.dtype, [&]<class T>() {
            const T* row = reinterpret_cast<const T*>(row_in_page(span, j, value, head.kv_dim)) + head.kv * head.dim;
            for (int64_t d = 0; d < head.dim; ++d) block.push_back(static_cast<float>(row[d]));
        });
    }
    return block;
}

// The sums over some keys.
struct Fold {
    float m = -std::numeric_limits<float>::infinity(), l = 0;
    std::vector<float> o;
};

// Keys first .. last, at most a segment.
Fold fold_segment(const float* query, const AttentionSpan& span, int64_t first, int64_t last, const Head& head) {
    Fold sum{.o = std::vector<float>(static_cast<size_t>(head.dim))};
    for (int64_t block = first; block < last; block += cpu::key_block) {
        int64_t n = std::min(cpu::key_block, last - block);
        std::vector<float> keys = read_block(span, block, n, false, head),
                           values = read_block(span, block, n, true, head);
        float score[cpu::key_block], largest = sum.m;
        for (int64_t j = 0; j < n; ++j) {
            score[j] = dot(query, keys.data() + j * head.dim, head.dim) * head.scale;
            largest = std::max(largest, score[j]);
        }
        float factor = exp(sum.m - largest);
        sum.l *= factor;
        for (float& o : sum.o) o *= factor;
        for (int64_t j = 0; j < n; ++j) {
            float p = exp(score[j] - largest);
            sum.l += p;
            for (int64_t d = 0; d < head.dim; ++d)
                sum.o[static_cast<size_t>(d)] += p * values[static_cast<size_t>(j * head.dim + d)];
        }
        sum.m = largest;
    }
    return sum;
}

Fold combine(Fold before, const Fold& segment) {
    float m = std::max(before.m, segment.m), a = exp(before.m - m), b = exp(segment.m - m);
    before.m = m;
    before.l = before.l * a + segment.l * b;
    for (size_t d = 0; d < before.o.size(); ++d) before.o[d] = before.o[d] * a + segment.o[d] * b;
    return before;
}

void attend_query(float* out, float* lse, const float* query, const AttentionSpan& span, int64_t position,
                  const Head& head) {
    int64_t keys = position + 1;
    Fold sum = fold_segment(query, span, 0, std::min(cpu::key_segment, keys), head);
    for (int64_t first = cpu::key_segment; first < keys; first += cpu::key_segment)
        sum = combine(std::move(sum), fold_segment(query, span, first, std::min(first + cpu::key_segment, keys), head));
    for (int64_t d = 0; d < head.dim; ++d) out[d] = sum.o[static_cast<size_t>(d)] / sum.l;
    *lse = sum.m + static_cast<float>(exact::log(sum.l));
}

}  // namespace

int64_t page_bytes(AttentionShape shape, Dtype dtype) {
    return *bytes_of(dtype, 2 * page_tokens * shape.kv_heads * shape.head_dim);
}

void append_kv(Stream, Tensor k, Tensor v, std::span<const AttentionSpan> spans, AttentionShape shape) {
    int64_t kv_dim = shape.kv_heads * shape.head_dim;
    for (const AttentionSpan& span : spans)
        for (int64_t i = 0; i < span.n; ++i)
            for (bool value : {false, true})
                with_type(span.cache.dtype, [&]<class T>() {
                    const float* from = (value ? v : k).row<float>(span.first + i);
                    T* to = reinterpret_cast<T*>(row_in_page(span, span.keys - span.n + i, value, kv_dim));
                    for (int64_t d = 0; d < kv_dim; ++d) to[d] = T(from[d]);
                });
}

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
