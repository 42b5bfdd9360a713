// kernels/cpu/attention.inl — FlashAttention for the CPU: blocks of 64 keys, tiles of up to 64 queries of each head of
// their group. m, l, o and segments as in scalar_attention.cpp. A row is unchanged by a block of keys that
// it cannot see (its exponentials are zeros), so results do not depend on which rows share a tile.

inline void scale_row(float* row, int64_t n, float factor) {
    F f = broadcast(factor);
    for (int64_t i = 0; i < n; i += lanes)
        i + lanes <= n ? store(row + i, load(row + i) * f) : store(row + i, load(row + i, n - i) * f, n - i);
}

// Replaces the scores of one row with a block of keys by exp(score - m), and rescales out to the new m.
inline void fold_scores(float* score, int64_t seen, float scale, float& m, float& l, float* out, int64_t dim) {
    for (int64_t j = std::max<int64_t>(seen, 0); j < key_block; ++j) score[j] = -std::numeric_limits<float>::infinity();
    F largest = broadcast(m);
    for (int64_t j = 0; j < key_block; j += lanes) {
        F s = load(score + j) * broadcast(scale);
        store(score + j, s);
        largest = max(largest, s);
    }
    float new_m = reduce_max(largest);
    F total = broadcast(0);
    for (int64_t j = 0; j < key_block; j += lanes) {
        F p = exp(load(score + j) - broadcast(new_m));
        store(score + j, p);
        total = total + p;
    }
    if (new_m != m) {
        float factor = exp_one(m - new_m);
        l *= factor;
        scale_row(out, dim, factor);
        m = new_m;
    }
    l += reduce_add(total);
}

// The running sums of a tile of queries of one head: row i of o is at o + i * stride.
struct TileSums {
    float *m, *l, *o;
    int64_t stride;
};

inline void clear(const TileSums& sums, int64_t n, int64_t dim) {
    std::fill_n(sums.m, n, -std::numeric_limits<float>::infinity());
    std::fill_n(sums.l, n, 0.0f);
    for (int64_t i = 0; i < n; ++i) std::fill_n(sums.o + i * sums.stride, dim, 0.0f);
}

// Adds the sums over a segment to those over the keys before it, both scaled to the larger m.
inline void combine(const TileSums& before, const TileSums& segment, int64_t n, int64_t dim) {
    for (int64_t i = 0; i < n; ++i) {
        float m = std::max(before.m[i], segment.m[i]), a = exp_one(before.m[i] - m), b = exp_one(segment.m[i] - m);
        before.m[i] = m;
        before.l[i] = before.l[i] * a + segment.l[i] * b;
        float *o = before.o + i * before.stride, *added = segment.o + i * segment.stride;
        for (int64_t d = 0; d < dim; d += lanes) {
            int64_t rest = std::min(lanes, dim - d);
            store(o + d, load(o + d, rest) * broadcast(a) + load(added + d, rest) * broadcast(b), rest);
        }
    }
}

// One key-value head with a tile of queries first .. first + n of the span, of all heads of the group. A single query
// of each head, as in decoding, makes one tile of the heads.
template <class Blocks>
class HeadTile {
 public:
    HeadTile(Tensor out, Tensor lse, Tensor q, const KeyHead& head, int64_t first, int64_t n)
        : out_(out),
          lse_(lse),
          q_(q),
          head_(head),
          first_(first),
          n_(n),
          dim_(head.dim()),
          before_(head.span.keys - head.span.n),
          together_(n == 1 && head.group() <= query_tile) {
        int64_t rows = head.group() * n;
        float* memory = cpu::scratch(cpu::Scratch::panel,
                                     Blocks::scratch_floats(head) + key_block * query_tile + rows * (4 + dim_));
        score_ = memory + Blocks::scratch_floats(head);
        m_ = score_ + query_tile * key_block;
        segment_ = m_ + 2 * rows;
        blocks_ = Blocks(memory);
    }

    void attend() {
        int64_t keys = before_ + first_ + n_;  // seen by the last query of the tile
        for (int64_t g = 0; g < head_.group(); ++g) clear(sums(g), n_, dim_);
        fold(0, std::min(cpu::key_segment, keys), 0, [&](int64_t g) { return sums(g); });
        for (int64_t segment = cpu::key_segment; segment < keys; segment += cpu::key_segment) {
            int64_t blind = std::clamp<int64_t>(segment - before_ - first_, 0, n_);  // queries before it see none of it
            for (int64_t g = 0; g < head_.group(); ++g) clear(segment_sums(g), n_, dim_);
            fold(segment, std::min(segment + cpu::key_segment, keys), blind,
                 [&](int64_t g) { return segment_sums(g); });
            for (int64_t g = 0; g < head_.group(); ++g)
                combine(from(sums(g), blind), from(segment_sums(g), blind), n_ - blind, dim_);
        }
        for (int64_t g = 0; g < head_.group(); ++g) {
            TileSums total = sums(g);
            for (int64_t i = 0; i < n_; ++i) {
                scale_row(total.o + i * total.stride, dim_, 1 / total.l[i]);
                row_of(lse_, i)[head_.kv * head_.group() + g] = total.m[i] + std::log(total.l[i]);
            }
        }
    }

 private:
    float* row_of(Tensor x, int64_t i) const { return x.row<float>(head_.span.first + first_ + i); }
    TileSums sums(int64_t g) const {
        int64_t rows = head_.group() * n_;
        return {m_ + g * n_, m_ + rows + g * n_, row_of(out_, 0) + head_.column(g), together_ ? dim_ : out_.columns()};
    }
    TileSums segment_sums(int64_t g) const {
        int64_t rows = head_.group() * n_;
        return {segment_ + g * n_, segment_ + rows + g * n_, segment_ + 2 * rows + g * n_ * dim_, dim_};
    }
    static TileSums from(TileSums sums, int64_t i) {
        return {sums.m + i, sums.l + i, sums.o + i * sums.stride, sums.stride};
    }

    // Folds keys first .. last into the sums of the queries from `query` on.
    template <class Sums>
    void fold(int64_t first, int64_t last, int64_t query, Sums sums_of) {
        int64_t heads = together_ ? 1 : head_.group(), n = together_ ? head_.group() : n_ - query,
                stride = together_ ? dim_ : q_.columns();
        for (int64_t block = first; block < last; block += key_block) {
            int64_t present = std::min(key_block, last - block);
            blocks_.read(head_, block, present, heads * n);
            for (int64_t g = 0; g < heads; ++g) {
                TileSums sums = from(sums_of(g), query);
                blocks_.multiply_keys(score_, {row_of(q_, query) + head_.column(g), stride, 1}, n);
                for (int64_t i = 0; i < n; ++i) {
                    int64_t position = before_ + first_ + query + (together_ ? 0 : i);
                    fold_scores(score_ + i * key_block, std::min(position + 1, last) - block, head_.scale(), sums.m[i],
                                sums.l[i], sums.o + i * sums.stride, dim_);
                }
                blocks_.multiply_values(sums.o, sums.stride, {score_, key_block, 1}, n);
            }
        }
    }

    Tensor out_, lse_, q_;
    const KeyHead& head_;
    int64_t first_, n_, dim_, before_;  // before_: keys before the first query of the span
    bool together_;                     // the group's heads are the rows of one tile
    float *score_, *m_, *segment_;
    Blocks blocks_{nullptr};
};

// A unit of parallel work: a span, a key-value head, a tile of queries.
struct AttentionTask {
    int64_t span, kv, first, n;
};

inline void attention(Stream, Tensor out, Tensor lse, Tensor q, std::span<const AttentionSpan> spans,
                      AttentionShape shape) {
    check(q.columns() == shape.heads * shape.head_dim && out.columns() == q.columns(), "attention: {} of {}", out, q);
    std::vector<AttentionTask> tasks;
    for (size_t s = 0; s < spans.size(); ++s)
        for (int64_t first = spans[s].n; first > 0; first -= query_tile)  // longest first
            for (int64_t kv = 0; kv < shape.kv_heads; ++kv) {
                int64_t begin = std::max<int64_t>(0, first - query_tile);
                tasks.push_back({static_cast<int64_t>(s), kv, begin, first - begin});
            }
    parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) {
        const AttentionTask& task = tasks[static_cast<size_t>(i)];
        KeyHead head{spans[static_cast<size_t>(task.span)], shape, task.kv};
        if (head.span.pages.empty()) return HeadTile<RowBlocks>(out, lse, q, head, task.first, task.n).attend();
        head.span.cache.dtype == Dtype::f32
            ? HeadTile<PageBlocks<float>>(out, lse, q, head, task.first, task.n).attend()
            : HeadTile<PageBlocks<bf16>>(out, lse, q, head, task.first, task.n).attend();
    });
}

// A packed block of keys and values for the backward pass of one key-value head.
struct KeyPanels {
    float *keys, *keys_across, *values;  // [dim, 64], [64, dim], [dim, 64]
};

// Turns scores q k^T and products dout v^T of a tile of queries with a block of keys, [n, 64] each, into
//   p = exp(scale * score - lse)                      the softmax, recomputed
//   ds = p * (dout . v - total) * scale               total = dout . out, the sum over all keys of p * (dout . v)
// Row i sees the first `reach` + i keys; the others are zero. Source: FlashAttention-2, Dao 2023, algorithm 2.
inline void score_gradients(float* p, float* ds, int64_t n, int64_t reach, const float* lse, int64_t lse_stride,
                            const float* total, float scale) {
    for (int64_t i = 0; i < n; ++i) {
        int64_t seen = std::clamp<int64_t>(reach + i, 0, key_block);
        for (int64_t j = 0; j < key_block; j += lanes) {
            float *pi = p + i * key_block + j, *di = ds + i * key_block + j;
            F probability = exp(load(pi) * broadcast(scale) - broadcast(lse[i * lse_stride]));
            F gradient = probability * (load(di) - broadcast(total[i])) * broadcast(scale);
            store(pi, probability);
            store(di, gradient);
        }
        std::fill(p + i * key_block + seen, p + (i + 1) * key_block, 0.0f);
        std::fill(ds + i * key_block + seen, ds + (i + 1) * key_block, 0.0f);
    }
}

// With p and ds as above, summed over tiles of queries and the query heads of the group:
//   dv += p^T dout     dk += ds^T q     dq += ds k
inline void attention_backward_head(Tensor dq, Tensor dk, Tensor dv, Tensor dout, Tensor out, Tensor lse, Tensor q,
                                    const KeyHead& head) {
    int64_t dim = head.dim(), n = head.span.n, stride = q.columns(), wide = head.panels() * panel_columns,
            group = head.group();
    check(head.span.keys == n, "attention gradient through a cache");
    float* memory = cpu::scratch(cpu::Scratch::panel,
                                 key_block * (2 * dim + wide) + 2 * query_tile * (key_block + wide) + group * n);
    KeyPanels block{memory, memory + key_block * dim, memory + key_block * (dim + wide)};
    float *p = block.values + key_block * dim, *ds = p + query_tile * key_block,
          *dout_panels = ds + query_tile * key_block;
    float *q_panels = dout_panels + query_tile * wide, *total = q_panels + query_tile * wide;
    auto row_of = [&](Tensor x, int64_t i) { return x.row<float>(head.span.first + i); };
    for (int64_t g = 0; g < group; ++g)
        for (int64_t i = 0; i < n; ++i) {
            const float *a = row_of(dout, i) + head.column(g), *b = row_of(out, i) + head.column(g);
            F products = broadcast(0);
            for (int64_t d = 0; d < dim; d += lanes)
                products = fma(load(a + d, std::min(lanes, dim - d)), load(b + d, std::min(lanes, dim - d)), products);
            total[g * n + i] = reduce_add(products);
        }
    for (int64_t first_key = 0; first_key < n; first_key += key_block) {
        int64_t keys = std::min(key_block, n - first_key);
        pack_nk<F32>(block.keys, head.key(first_key), head.kv_dim(), dim, keys);
        pack_nk<F32>(block.values, head.value(first_key), head.kv_dim(), dim, keys);
        pack_rows(block.keys_across, head.key(first_key), head.kv_dim(), keys, dim);
        float *d_key = row_of(dk, first_key) + head.kv * dim, *d_value = row_of(dv, first_key) + head.kv * dim;
        for (int64_t first = first_key; first < n; first += query_tile)
            for (int64_t g = 0; g < group; ++g) {
                int64_t rows = std::min(query_tile, n - first), at = head.column(g);
                const float *queries = row_of(q, first) + at, *d_out = row_of(dout, first) + at;
                multiply_panel<F32>(p, key_block, {queries, stride, 1}, rows, packed(block.keys, dim),
                                    round_up(keys, width), dim, true);
                multiply_panel<F32>(ds, key_block, {d_out, stride, 1}, rows, packed(block.values, dim),
                                    round_up(keys, width), dim, true);
                score_gradients(p, ds, rows, first - first_key + 1, row_of(lse, first) + head.kv * group + g,
                                lse.columns(), total + g * n + first, head.scale());
                pack_rows(dout_panels, d_out, stride, rows, dim);
                pack_rows(q_panels, queries, stride, rows, dim);
                multiply_panels(d_value, head.kv_dim(), {p, 1, key_block}, keys, dout_panels, dim, rows);
                multiply_panels(d_key, head.kv_dim(), {ds, 1, key_block}, keys, q_panels, dim, rows);
                multiply_panels(row_of(dq, first) + at, stride, {ds, key_block, 1}, rows, block.keys_across, dim, keys);
            }
    }
}

inline void attention_backward(Stream, Tensor dq, Tensor dk, Tensor dv, Tensor dout, Tensor out, Tensor lse, Tensor q,
                               std::span<const AttentionSpan> spans, AttentionShape shape) {
    parallel_for(static_cast<int64_t>(spans.size()) * shape.kv_heads, [&](int64_t task) {
        attention_backward_head(dq, dk, dv, dout, out, lse, q,
                                {spans[static_cast<size_t>(task / shape.kv_heads)], shape, task % shape.kv_heads});
    });
}
