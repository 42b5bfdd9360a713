// kernels/cpu/key_blocks.inl — blocks of 64 keys and values, from the rows of a pass or the pages of a KV cache.
//
// A page has for each key-value head the keys as a matrix [64, head_dim] and the values as a matrix [head_dim, 64],
// both in the layout of weights (kernels/cpu/panels.h): panels of `width` rows in pieces of four bytes along the
// columns. So scores and sums of values are products that read them as stored.

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
    std::byte* page(int64_t j) const {                                      // of key j
        return span.cache.data + span.pages[static_cast<size_t>(j / page_tokens)] * span.cache.page_bytes;
    }
};

// A matrix [k, dim] as one or more panels of 64 columns.
inline void pack_rows(float* panels, const float* from, int64_t stride, int64_t k, int64_t dim) {
    for (int64_t c = 0; c < dim; c += panel_columns)
        pack_kn<F32>(panels + c * k, from + c, stride, k, std::min(panel_columns, dim - c));
}
inline void multiply_panels(float* out, int64_t stride, Lhs a, int64_t rows, const float* panels, int64_t dim,
                            int64_t k) {
    for (int64_t c = 0; c < dim; c += panel_columns)
        multiply_panel<F32>(out + c, stride, a, rows, packed(panels + c * k, k), std::min(panel_columns, dim - c), k,
                            false);
}

// A source of blocks:
//   static int64_t scratch_floats(const KeyHead& head);
//   void read(const KeyHead& head, int64_t first, int64_t present, int64_t rows);   // for products with `rows` rows
//   void multiply_keys(float* score, Lhs queries, int64_t rows);                    // [rows, 64], set
//   void multiply_values(float* out, int64_t stride, Lhs p, int64_t rows);          // [rows, head_dim], added

// Rows are packed once for all queries of a tile.
class RowBlocks {
 public:
    static int64_t scratch_floats(const KeyHead& head) {
        return key_block * (head.dim() + head.panels() * panel_columns);
    }
    explicit RowBlocks(float* scratch) : keys_(scratch) {}

    void read(const KeyHead& head, int64_t first, int64_t present, int64_t) {
        dim_ = head.dim(), present_ = present, values_ = keys_ + key_block * dim_;
        pack_nk<F32>(keys_, head.key(first), head.kv_dim(), dim_, present);
        pack_rows(values_, head.value(first), head.kv_dim(), present, dim_);
    }
    void multiply_keys(float* score, Lhs queries, int64_t rows) const {
        multiply_panel<F32>(score, key_block, queries, rows, packed(keys_, dim_), round_up(present_, width), dim_,
                            true);
    }
    void multiply_values(float* out, int64_t stride, Lhs p, int64_t rows) const {
        multiply_panels(out, stride, p, rows, values_, dim_, present_);
    }

 private:
    float *keys_, *values_ = nullptr;
    int64_t dim_ = 0, present_ = 0;
};

// Pieces of a page's keys or values: panels of `width` rows.
template <class W>
struct PagePart {
    static constexpr int64_t piece_elements = 4 / sizeof(W);
    float* pieces;
    int64_t k;  // elements of a row: head_dim, or 64 tokens
    int64_t stride() const { return width * k / piece_elements; }
    W& element(int64_t row, int64_t column) const {
        float* piece = pieces + row / width * stride() + column / piece_elements * width + row % width;
        return reinterpret_cast<W*>(piece)[column % piece_elements];
    }
};

template <class W>
int64_t floats_of_head(int64_t dim) {
    return key_block * (dim + round_up(dim, width)) / PagePart<W>::piece_elements;
}
template <class W>
PagePart<W> keys_in_page(std::byte* page, int64_t kv, int64_t dim) {
    return {reinterpret_cast<float*>(page) + kv * floats_of_head<W>(dim), dim};
}
template <class W>
PagePart<W> values_in_page(std::byte* page, int64_t kv, int64_t dim) {
    return {keys_in_page<W>(page, kv, dim).pieces + key_block * dim / PagePart<W>::piece_elements, key_block};
}

// out[rows, columns] = or += a[rows, k] x the part, for up to tile_rows rows.
template <class W, int rows>
void multiply_few(float* out, int64_t out_stride, Lhs a, const PagePart<W>& part, int64_t columns, int64_t k,
                  bool overwrite) {
    for (int64_t c = 0; c < columns; c += width, out += width) {
        int64_t left = std::min(columns - c, width);
        F total[rows][vectors];
        clear(total);
        for (int r = 0; r < rows && !overwrite; ++r)
            for (int64_t v = 0; v < vectors && v * lanes < left; ++v)
                total[r][v] = load(out + r * out_stride + v * lanes, std::min(lanes, left - v * lanes));
        accumulate<F32, W, rows, vectors, vectors>(total, a.data, a.row_stride, part.pieces + c / width * part.stride(),
                                                   width, 0, k);
        store_columns(out, out_stride, total, left);
    }
}

// Pages are read as stored; for more than a few rows, those of bf16 are widened once for all queries of a tile.
template <class W>
class PageBlocks {
 public:
    static int64_t scratch_floats(const KeyHead& head) {
        return std::is_same_v<W, float> ? 0 : floats_of_head<float>(head.dim());
    }
    explicit PageBlocks(float* scratch) : scratch_(scratch) {}

    void read(const KeyHead& head, int64_t first, int64_t present, int64_t rows) {
        dim_ = head.dim(), present_ = present;
        keys_ = keys_in_page<W>(head.page(first), head.kv, dim_);
        values_ = values_in_page<W>(head.page(first), head.kv, dim_);
        few_ = rows <= 2 * tile_rows;
        if (std::is_same_v<W, float>) {
            wide_keys_ = keys_.pieces, wide_values_ = values_.pieces;
        } else if (!few_) {
            wide_keys_ = scratch_, wide_values_ = scratch_ + key_block * dim_;
            expand_panels<F32, W>(wide_keys_, width * keys_.k, keys_.pieces, keys_.stride(), present, dim_);
            expand_panels<F32, W>(wide_values_, width * values_.k, values_.pieces, values_.stride(), dim_, present);
        }
    }
    void multiply_keys(float* score, Lhs queries, int64_t rows) const {
        multiply(score, key_block, queries, rows, keys_, wide_keys_, round_up(present_, width), dim_, true);
    }
    void multiply_values(float* out, int64_t stride, Lhs p, int64_t rows) const {
        multiply(out, stride, p, rows, values_, wide_values_, dim_, present_, false);
    }

 private:
    void multiply(float* out, int64_t stride, Lhs a, int64_t rows, const PagePart<W>& part, const float* wide,
                  int64_t columns, int64_t k, bool overwrite) const {
        if (std::is_same_v<W, float> || !few_) {
            for (int64_t c = 0; c < columns; c += panel_columns)
                multiply_panel<F32>(out + c, stride, a, rows, {wide + c * part.k, width * part.k},
                                    std::min(panel_columns, columns - c), k, overwrite);
            return;
        }
        for (int64_t r = 0; r < rows; r += tile_rows)
            with_row_count(std::min(tile_rows, rows - r), [&](auto n) {
                multiply_few<W, decltype(n)::value>(out + r * stride, stride, a.from(r, 0), part, columns, k,
                                                    overwrite);
            });
    }

    float* scratch_;
    PagePart<W> keys_{}, values_{};
    float *wide_keys_ = nullptr, *wide_values_ = nullptr;
    int64_t dim_ = 0, present_ = 0;
    bool few_ = false;
};

inline int64_t page_bytes(AttentionShape shape, Dtype dtype) {
    check(dtype == Dtype::f32 || dtype == Dtype::bf16, "a KV cache of {}", info(dtype).name);
    check(shape.head_dim % 2 == 0, "a KV cache for heads of {}", shape.head_dim);
    int64_t floats = dtype == Dtype::f32 ? floats_of_head<float>(shape.head_dim) : floats_of_head<bf16>(shape.head_dim);
    return shape.kv_heads * floats * static_cast<int64_t>(sizeof(float));
}

template <class W>
void append_head(Tensor k, Tensor v, const KeyHead& head) {
    for (int64_t i = 0; i < head.span.n; ++i) {
        int64_t at = head.span.keys - head.span.n + i, token = at % page_tokens, dim = head.dim();
        const float *key = k.row<float>(head.span.first + i) + head.kv * dim,
                    *value = v.row<float>(head.span.first + i) + head.kv * dim;
        PagePart<W> keys = keys_in_page<W>(head.page(at), head.kv, dim),
                    values = values_in_page<W>(head.page(at), head.kv, dim);
        for (int64_t d = 0; d < dim; ++d) {
            keys.element(token, d) = W(key[d]);
            values.element(d, token) = W(value[d]);
        }
    }
}

inline void append_kv(Stream, Tensor k, Tensor v, std::span<const AttentionSpan> spans, AttentionShape shape) {
    check(k.columns() == shape.kv_heads * shape.head_dim && v.columns() == k.columns(), "append_kv: {} and {}", k, v);
    parallel_for(static_cast<int64_t>(spans.size()) * shape.kv_heads, [&](int64_t task) {
        KeyHead head{spans[static_cast<size_t>(task / shape.kv_heads)], shape, task % shape.kv_heads};
        head.span.cache.dtype == Dtype::f32 ? append_head<float>(k, v, head) : append_head<bf16>(k, v, head);
    });
}
