// kernels/cpu/matmul.inl — the three products of a linear layer, for one type of operand (Operand). Work is split into
// panels of 64 output columns, packed into cache, times blocks of rows. Letters as in kernels.h.

constexpr int64_t k_block = 512;  // elements along k packed at a time: a panel fits in the L2 cache

// Rows per task: all of them if there are enough panels for the threads.
inline int64_t rows_per_task(int64_t rows, int64_t panels) {
    int64_t pieces = std::clamp<int64_t>(4 * threads() / panels, 1, std::max<int64_t>(rows / 256, 1));
    return divide_up(divide_up(rows, pieces), tile_rows) * tile_rows;
}

// The right-hand side [K, N] of a product, as panels. `scratch` has room for a panel of n elements along k.
//   Panel panel(float* scratch, int64_t k, int64_t n, int64_t column, int64_t columns) const;
// is_stored: the panel is part of the stored matrix, and scratch is not used.

// A weight [N, K] in rows.
template <class Operand, class W>
struct RowsOfWeight {
    static constexpr bool is_stored = false;
    const W* weights;
    int64_t K;
    explicit RowsOfWeight(Tensor w) : weights(w.as<W>()), K(w.columns()) {}
    Panel panel(float* scratch, int64_t k, int64_t n, int64_t column, int64_t columns) const {
        pack_nk<Operand>(scratch, weights + column * K + k, K, n, columns);
        return packed(scratch, unit_count<Operand>(n));
    }
};

// A weight [N, K] in panels of `width` rows, as pieces (operand.inl).
template <class Operand, class W>
struct PanelsOfWeight {
    static constexpr int per_piece = Operand::template units_of_piece<W>;
    static constexpr int64_t piece_elements = 4 / sizeof(W);
    static constexpr bool is_stored = per_piece == 1;
    const float* pieces;
    int64_t stride;  // pieces in a panel
    explicit PanelsOfWeight(Tensor w)
        : pieces(static_cast<const float*>(w.data)), stride(width * w.columns() / piece_elements) {
        check(w.panel_rows == width && w.columns() % piece_elements == 0, "matmul: {} with panels of {}", w, width);
    }
    Panel panel(float* scratch, int64_t k, int64_t n, int64_t column, int64_t columns) const {
        const float* first = pieces + column / width * stride + k / piece_elements * width;
        if constexpr (is_stored) return {first, stride};
        int64_t units = unit_count<Operand>(n);
        expand_panels<Operand, W>(scratch, width * units, first, stride, columns, units);
        return packed(scratch, units);
    }
};

// A weight [K, N] in rows, of which the sum is over rows: input gradients.
template <class Operand, class W>
struct ColumnsOfRows {
    static constexpr bool is_stored = false;
    const W* weights;
    int64_t N;
    explicit ColumnsOfRows(Tensor w) : weights(w.as<W>()), N(w.columns()) {}
    Panel panel(float* scratch, int64_t k, int64_t n, int64_t column, int64_t columns) const {
        pack_kn<Operand>(scratch, weights + k * N + column, N, n, columns);
        return packed(scratch, unit_count<Operand>(n));
    }
};

// The same in panels of `width` rows, which are unpacked in cache.
template <class Operand, class W>
struct ColumnsOfPanels {
    static constexpr int64_t piece_elements = 4 / sizeof(W), row_pieces = panel_columns / piece_elements;
    static constexpr bool is_stored = false;
    const float* pieces;
    int64_t stride, panels;  // pieces in a panel
    explicit ColumnsOfPanels(Tensor w)
        : pieces(static_cast<const float*>(w.data)),
          stride(width * w.columns() / piece_elements),
          panels(divide_up(w.size[0], width)) {
        check(w.panel_rows == width && w.columns() % piece_elements == 0, "matmul: {} with panels of {}", w, width);
    }
    Panel panel(float* scratch, int64_t k, int64_t n, int64_t column, int64_t columns) const {
        float* rows = cpu::scratch(cpu::Scratch::tile, round_up(n, lanes) * row_pieces);
        for (int64_t r = 0; r < n; r += lanes)
            for (int64_t q = 0; q < divide_up(columns, piece_elements); q += lanes) {
                int64_t left = std::min(lanes, stride / width - column / piece_elements - q);
                const float* first =
                    pieces + (k + r) / width * stride + (column / piece_elements + q) * width + (k + r) % width;
                F block[lanes];
                for (int64_t i = 0; i < lanes; ++i) block[i] = i < left ? load(first + i * width) : broadcast(0);
                transpose(block);
                for (int64_t i = 0; i < lanes; ++i) store(rows + (r + i) * row_pieces + q, block[i]);
            }
        pack_kn<Operand>(scratch, reinterpret_cast<const W*>(rows), panel_columns, n, columns);
        return packed(scratch, unit_count<Operand>(n));
    }
};

// out[T, N] = or += x[T, K] * right[K, N]. For few rows: each panel is made by the task that uses it.
template <class Operand, class Right>
void multiply_by_panels(Tensor out, Tensor x, bool overwrite, const Right& right) {
    int64_t T = out.rows(), N = out.columns(), K = x.columns(), panels = divide_up(N, panel_columns),
            rows = rows_per_task(T, panels);
    Lhs left = convert_lhs<Operand>(x);
    parallel_for(panels * divide_up(T, rows), [&](int64_t task) {
        int64_t first = task / panels * rows, n = std::min(rows, T - first), column = task % panels * panel_columns;
        int64_t columns = std::min(panel_columns, N - column);
        float* scratch = cpu::scratch(cpu::Scratch::panel, panel_columns * k_block);
        for (int64_t k = 0; k < K; k += k_block) {
            int64_t k_count = std::min(k_block, K - k);
            Panel panel = right.panel(scratch, k, k_count, column, columns);
            multiply_panel<Operand>(out.row<float>(first) + column, N, left.from(first, k / Operand::k), n, panel,
                                    columns, unit_count<Operand>(k_count), overwrite && k == 0);
        }
    });
}

// For many rows: all panels are made first, then each task converts a block of rows into cache and multiplies it by
// all panels, so that x is read once and out is written once.
template <class Operand, class Right>
void multiply_by_rows(Tensor out, Tensor x, bool overwrite, const Right& right) {
    constexpr int64_t block = 16 * tile_rows;
    int64_t T = out.rows(), N = out.columns(), K = x.columns(), panels = divide_up(N, panel_columns),
            units = unit_count<Operand>(K), k_blocks = divide_up(K, k_block);
    std::vector<Panel> made(static_cast<size_t>(panels * k_blocks));
    float* scratch = Right::is_stored ? nullptr : cpu::scratch(cpu::Scratch::operand, panels * panel_columns * units);
    parallel_for(panels, [&](int64_t panel) {
        int64_t column = panel * panel_columns;
        for (int64_t b = 0; b < k_blocks; ++b) {
            float* to =
                Right::is_stored ? nullptr : scratch + panel_columns * (panel * units + b * k_block / Operand::k);
            made[static_cast<size_t>(panel * k_blocks + b)] = right.panel(
                to, b * k_block, std::min(k_block, K - b * k_block), column, std::min(panel_columns, N - column));
        }
    });
    parallel_for(divide_up(T, block), [&](int64_t task) {
        int64_t first = task * block, n = std::min(block, T - first);
        Lhs left{x.row<float>(first), K, 1};
        if constexpr (converts_lhs<Operand>) {
            float* rows = cpu::scratch(cpu::Scratch::panel, block * units);
            convert_rows<Operand>(rows, x, first, n);
            left = {rows, units, 1};
        }
        for (int64_t panel = 0; panel < panels; ++panel)
            for (int64_t b = 0; b < k_blocks; ++b) {
                int64_t column = panel * panel_columns, k_count = std::min(k_block, K - b * k_block);
                multiply_panel<Operand>(out.row<float>(first) + column, N, left.from(0, b * k_block / Operand::k), n,
                                        made[static_cast<size_t>(panel * k_blocks + b)],
                                        std::min(panel_columns, N - column), unit_count<Operand>(k_count),
                                        overwrite && b == 0);
            }
    });
}

template <class Operand, class Right>
void multiply(Tensor out, Tensor x, bool overwrite, const Right& right) {
    bool many_rows = out.rows() >= out.columns() && out.rows() >= 256 * threads();
    many_rows ? multiply_by_rows<Operand>(out, x, overwrite, right)
              : multiply_by_panels<Operand>(out, x, overwrite, right);
}

template <class Operand, class W>
void matmul_as(Stream, Tensor out, Tensor x, Tensor w) {
    check(w.size[0] == out.columns() && w.columns() == x.columns() && out.rows() == x.rows(), "matmul: {} = {} x {}",
          out, x, w);
    if (out.rows() <= few_rows) return multiply_few_rows<Operand, W>(out, x, w);
    w.is_packed() ? multiply<Operand>(out, x, true, PanelsOfWeight<Operand, W>(w))
                  : multiply<Operand>(out, x, true, RowsOfWeight<Operand, W>(w));
}

template <class Operand, class W>
void input_gradient_as(Stream, Tensor dx, Tensor dout, Tensor w) {
    check(w.size[0] == dout.columns() && w.columns() == dx.columns() && dout.rows() == dx.rows(),
          "matmul gradient: {} = {} x {}", dx, dout, w);
    w.is_packed() ? multiply<Operand>(dx, dout, false, ColumnsOfPanels<Operand, W>(w))
                  : multiply<Operand>(dx, dout, false, ColumnsOfRows<Operand, W>(w));
}

// dout^T [O, tokens] of every chunk as units, one after the other: chunk c begins at unit O * first_unit[c].
template <class Operand>
std::vector<int64_t> transpose_chunks(float* to, Tensor dout, std::span<const int64_t> chunk) {
    int64_t O = dout.columns(), chunks = static_cast<int64_t>(chunk.size()) - 1;
    std::vector<int64_t> first_unit(chunk.size());
    for (size_t c = 0; c + 1 < chunk.size(); ++c)
        first_unit[c + 1] = first_unit[c] + unit_count<Operand>(chunk[c + 1] - chunk[c]);
    constexpr int64_t rows = 128;
    int64_t blocks = divide_up(O, rows);
    parallel_for(chunks * blocks, [&](int64_t task) {
        size_t c = static_cast<size_t>(task / blocks);
        int64_t row = task % blocks * rows, units = first_unit[c + 1] - first_unit[c];
        transpose_left<Operand>(to + O * first_unit[c] + row * units, units, dout.row<float>(chunk[c]) + row, O,
                                chunk[c + 1] - chunk[c], std::min(rows, O - row));
    });
    return first_unit;
}

template <class Operand>
void weight_gradient_as(const TreeSum& dw, Tensor dout, Tensor x) {
    constexpr int64_t block = 16 * tile_rows;  // rows of dw whose tree is in cache at a time
    int64_t O = dout.columns(), D = x.columns(), chunks = dw.chunks(), panels = divide_up(D, panel_columns);
    int64_t padded = unit_count<Operand>(x.rows()) + chunks;  // units of all chunks, each rounded up
    float* left = cpu::scratch(cpu::Scratch::operand, O * padded);
    std::vector<int64_t> first_unit = transpose_chunks<Operand>(left, dout, dw.chunk);
    int64_t rows = rows_per_task(O, panels);
    parallel_for(panels * divide_up(O, rows), [&](int64_t task) {
        int64_t first = task / panels * rows, last = std::min(first + rows, O), column = task % panels * panel_columns;
        int64_t columns = std::min(panel_columns, D - column);
        float* panel = cpu::scratch(cpu::Scratch::panel, panel_columns * padded);
        for (size_t c = 0; c < static_cast<size_t>(chunks); ++c)
            pack_kn<Operand>(panel + panel_columns * first_unit[c], x.row<float>(dw.chunk[c]) + column, D,
                             dw.chunk[c + 1] - dw.chunk[c], columns);
        float* part = cpu::scratch(cpu::Scratch::tile, (TreeTile::scratch_levels(dw) + 1) * block * columns);
        for (int64_t row = first; row < last; row += block) {
            int64_t n = std::min(block, last - row);
            TreeTile tile{dw, row, column, n, columns, D, part + block * columns};
            for (size_t c = 0; c < static_cast<size_t>(chunks); ++c) {
                int64_t units = first_unit[c + 1] - first_unit[c];
                Lhs rows_of_chunk{left + O * first_unit[c] + row * units, units, 1};
                auto [to, to_stride] = tile.destination(static_cast<int64_t>(c), part);
                multiply_panel<Operand>(to, to_stride, rows_of_chunk, n,
                                        packed(panel + panel_columns * first_unit[c], units), columns, units, true);
                tile.commit(static_cast<int64_t>(c), part);
            }
        }
    });
}

// The kernels of the table; bf16 weights are multiplied with Bf16Operand.
template <class Operand, class W>
constexpr Products products_of = {matmul_as<Operand, W>, input_gradient_as<Operand, W>};

template <class W, class Bf16Operand>
using OperandFor = std::conditional_t<std::is_same_v<W, bf16>, Bf16Operand, F32Operand<false>>;

template <class Bf16Operand>
void matmul_weight_gradient(Stream, const TreeSum& dw, Tensor dout, Tensor x, Dtype compute) {
    check(dout.rows() == x.rows(), "matmul weight gradient: {}, {}", dout, x);
    with_type(compute, [&]<class W>() { weight_gradient_as<OperandFor<W, Bf16Operand>>(dw, dout, x); });
}

template <class Bf16Operand>
void use_bf16_products(Kernels& table) {
    table.products[Dtype::bf16] = products_of<Bf16Operand, bf16>;
    table.matmul_weight_gradient = matmul_weight_gradient<Bf16Operand>;
}
