// kernels/cpu/attention.inl — FlashAttention for the CPU: blocks of 64 keys packed once, tiles of up to 64 queries of
// each head of their group. m, l, o as in scalar_attention.cpp. A row is unchanged by a block of keys that it
// cannot see (its exponentials are zeros), so results do not depend on which rows share a tile.

constexpr int64_t key_block = cpu::key_block, query_tile = 64;
using F32 = F32Operand<false>;

// One key-value head of one span.
struct KeyHead {
    const AttentionSpan& span;
    AttentionShape shape;
    int64_t kv;

    int64_t dim() const { return shape.head_dim; }
    int64_t kv_dim() const { return shape.kv_heads * shape.head_dim; }
    int64_t group() const { return shape.heads / shape.kv_heads; }
    int64_t panels() const { return divide_up(dim(), panel_columns); }
    float scale() const { return 1 / std::sqrt(static_cast<float>(dim())); }
    const float* key(int64_t j) const { return span.k + j * kv_dim() + kv * dim(); }
    const float* value(int64_t j) const { return span.v + j * kv_dim() + kv * dim(); }
    int64_t column(int64_t g) const { return (kv * group() + g) * dim(); }  // of head g of the group, in q
};

// A matrix [k, dim] as one or more panels of 64 columns.
inline void pack_rows(float* panels, const float* from, int64_t stride, int64_t k, int64_t dim) {
    for (int64_t c = 0; c < dim; c += panel_columns)
        pack_kn<F32>(panels + c * k, from + c, stride, k, std::min(panel_columns, dim - c));
}
inline void multiply_panels(float* out, int64_t stride, Lhs a, int64_t rows, const float* panels, int64_t dim,
                            int64_t k) {
    for (int64_t c = 0; c < dim; c += panel_columns)
        multiply_panel<F32>(out + c, stride, a, rows, panels + c * k, std::min(panel_columns, dim - c), k, false);
}

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

inline void attention_head(Tensor out, Tensor lse, Tensor q, const KeyHead& head, int64_t first, int64_t n) {
    int64_t dim = head.dim(), stride = q.columns(), group = head.group(), before = head.span.keys - head.span.n;
    int64_t keys = before + first + n;  // seen by the last query of the tile
    float* memory = cpu::scratch(
        cpu::Scratch::panel, key_block * (dim + head.panels() * panel_columns) + query_tile * (key_block + 2 * group));
    float *key_panel = memory, *value_panels = key_panel + key_block * dim,
          *score = value_panels + key_block * head.panels() * panel_columns;
    float *m = score + query_tile * key_block, *l = m + group * query_tile;
    std::fill(m, m + group * n, -std::numeric_limits<float>::infinity());
    std::fill(l, l + group * n, 0.0f);
    auto row_of = [&](Tensor x, int64_t i) { return x.row<float>(head.span.first + first + i); };
    for (int64_t g = 0; g < group; ++g)
        for (int64_t i = 0; i < n; ++i) std::fill_n(row_of(out, i) + head.column(g), dim, 0.0f);
    for (int64_t block = 0; block < keys; block += key_block) {
        int64_t present = std::min(key_block, keys - block);
        pack_nk<F32>(key_panel, head.key(block), head.kv_dim(), dim, present);
        pack_rows(value_panels, head.value(block), head.kv_dim(), present, dim);
        for (int64_t g = 0; g < group; ++g) {
            Lhs queries{row_of(q, 0) + head.column(g), stride, 1};
            multiply_panel<F32>(score, key_block, queries, n, key_panel, round_up(present, width), dim, true);
            for (int64_t i = 0; i < n; ++i)
                fold_scores(score + i * key_block, std::min(before + first + i + 1, keys) - block, head.scale(),
                            m[g * n + i], l[g * n + i], row_of(out, i) + head.column(g), dim);
            multiply_panels(row_of(out, 0) + head.column(g), stride, {score, key_block, 1}, n, value_panels, dim,
                            present);
        }
    }
    for (int64_t g = 0; g < group; ++g)
        for (int64_t i = 0; i < n; ++i) {
            scale_row(row_of(out, i) + head.column(g), dim, 1 / l[g * n + i]);
            row_of(lse, i)[head.kv * group + g] = m[g * n + i] + std::log(l[g * n + i]);
        }
}

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
        attention_head(out, lse, q, {spans[static_cast<size_t>(task.span)], shape, task.kv}, task.first, task.n);
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
                multiply_panel<F32>(p, key_block, {queries, stride, 1}, rows, block.keys, round_up(keys, width), dim,
                                    true);
                multiply_panel<F32>(ds, key_block, {d_out, stride, 1}, rows, block.values, round_up(keys, width), dim,
                                    true);
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
