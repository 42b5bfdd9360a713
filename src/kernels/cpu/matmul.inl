// kernels/cpu/matmul.inl — the three products of a linear layer, for one kind of operand (Units). Work is shared out as
// panels of 64 output columns, each packed once into cache, times blocks of rows. Letters as in kernels.h.

constexpr int64_t k_block = 512;            // numbers along k that are packed at a time: a panel stays in the L2 cache

// Rows that one task takes: all of them where there are panels enough for the threads.
inline int64_t rows_per_task(int64_t rows, int64_t panels) {
    int64_t pieces = std::clamp<int64_t>(4 * threads() / panels, 1, std::max<int64_t>(rows / 256, 1));
    return divide_up(divide_up(rows, pieces), tile_rows) * tile_rows;
}

// The left-hand side x [T, K] as units: itself, or a converted copy.
template <class Units>
Left left_rows(Tensor x) {
    int64_t T = x.rows(), K = x.columns(), units = units_of<Units>(K);
    if constexpr (std::is_same_v<Units, Floats<false>>) return {x.as<float>(), K, 1};
    float* copy = cpu::scratch(cpu::Scratch::operand, T * units);
    parallel_for(T, 64, [&](int64_t first, int64_t last) {
        for (int64_t t = first; t < last; ++t)
            for (int64_t u = 0; u < units; u += lanes)
                store(copy + t * units + u, Units::along(x.row<float>(t) + u * Units::k, K - u * Units::k), std::min(lanes, units - u));
    });
    return {copy, units, 1};
}

// out[T, N] = or += left[T, K] * right[K, N], where pack(panel, first k, n of k, first column, n of columns) fills a panel.
template <class Units, class Pack>
void multiply(Tensor out, Left left, int64_t K, bool fresh, Pack pack) {
    int64_t T = out.rows(), N = out.columns(), panels = divide_up(N, panel_columns), rows = rows_per_task(T, panels);
    parallel_for(panels * divide_up(T, rows), [&](int64_t task) {
        int64_t first = task / panels * rows, n = std::min(rows, T - first), column = task % panels * panel_columns;
        int64_t columns = std::min(panel_columns, N - column);
        float* panel = cpu::scratch(cpu::Scratch::panel, panel_columns * k_block);
        for (int64_t k = 0; k < K; k += k_block) {
            int64_t numbers = std::min(k_block, K - k);
            pack(panel, k, numbers, column, columns);
            multiply_panel<Units>(out.row<float>(first) + column, N, left.from(first, k / Units::k), n, panel, columns,
                                  units_of<Units>(numbers), fresh && k == 0);
        }
    });
}

template <class Units, class W>
void matmul_units(Tensor out, Tensor x, Tensor w) {
    int64_t D = x.columns();
    const W* weights = w.as<W>();
    multiply<Units>(out, left_rows<Units>(x), D, true, [&](float* panel, int64_t k, int64_t n, int64_t column, int64_t columns) {
        pack_along<Units>(panel, weights + column * D + k, D, n, columns);
    });
}

template <class Units, class W>
void input_gradient_units(Tensor dx, Tensor dout, Tensor w) {
    int64_t D = dx.columns();
    const W* weights = w.as<W>();
    multiply<Units>(dx, left_rows<Units>(dout), dout.columns(), false, [&](float* panel, int64_t k, int64_t n, int64_t column, int64_t columns) {
        pack_across<Units>(panel, weights + k * D + column, D, n, columns);
    });
}

// dout^T [O, tokens] of every chunk as units, one after the other: chunk c begins at unit O * first_unit[c].
template <class Units>
std::vector<int64_t> transpose_chunks(float* to, Tensor dout, std::span<const int64_t> chunk) {
    int64_t O = dout.columns(), chunks = static_cast<int64_t>(chunk.size()) - 1;
    std::vector<int64_t> first_unit(chunk.size());
    for (size_t c = 0; c + 1 < chunk.size(); ++c) first_unit[c + 1] = first_unit[c] + units_of<Units>(chunk[c + 1] - chunk[c]);
    constexpr int64_t rows = 128;
    int64_t blocks = divide_up(O, rows);
    parallel_for(chunks * blocks, [&](int64_t task) {
        size_t c = static_cast<size_t>(task / blocks);
        int64_t row = task % blocks * rows, units = first_unit[c + 1] - first_unit[c];
        transpose_left<Units>(to + O * first_unit[c] + row * units, units, dout.row<float>(chunk[c]) + row, O,
                              chunk[c + 1] - chunk[c], std::min(rows, O - row));
    });
    return first_unit;
}

template <class Units>
void weight_gradient_units(const TreeSum& dw, Tensor dout, Tensor x) {
    constexpr int64_t block = 16 * tile_rows;                   // rows of dw whose tree is in cache at a time
    int64_t O = dout.columns(), D = x.columns(), chunks = dw.chunks(), panels = divide_up(D, panel_columns);
    int64_t padded = units_of<Units>(x.rows()) + chunks;        // units of all chunks, each rounded up
    float* left = cpu::scratch(cpu::Scratch::operand, O * padded);
    std::vector<int64_t> first_unit = transpose_chunks<Units>(left, dout, dw.chunk);
    int64_t rows = rows_per_task(O, panels);
    parallel_for(panels * divide_up(O, rows), [&](int64_t task) {
        int64_t first = task / panels * rows, last = std::min(first + rows, O), column = task % panels * panel_columns;
        int64_t columns = std::min(panel_columns, D - column);
        float* panel = cpu::scratch(cpu::Scratch::panel, panel_columns * padded);
        for (size_t c = 0; c < static_cast<size_t>(chunks); ++c)
            pack_across<Units>(panel + panel_columns * first_unit[c], x.row<float>(dw.chunk[c]) + column, D,
                               dw.chunk[c + 1] - dw.chunk[c], columns);
        float* part = cpu::scratch(cpu::Scratch::tile, (TreeTile::scratch_levels(dw) + 1) * block * columns);
        for (int64_t row = first; row < last; row += block) {
            int64_t n = std::min(block, last - row);
            TreeTile tile{dw, row, column, n, columns, D, part + block * columns};
            for (size_t c = 0; c < static_cast<size_t>(chunks); ++c) {
                int64_t units = first_unit[c + 1] - first_unit[c];
                Left rows_of_chunk{left + O * first_unit[c] + row * units, units, 1};
                multiply_panel<Units>(part, columns, rows_of_chunk, n, panel + panel_columns * first_unit[c], columns, units, true);
                tile.push(static_cast<int64_t>(c), part);
            }
        }
    });
}

// The table's entries: Rounded is what bf16 weights compute with.
template <class Rounded>
void matmul(Stream, Tensor out, Tensor x, Tensor w) {
    check(w.size[0] == out.columns() && w.columns() == x.columns() && out.rows() == x.rows(), "matmul: {} = {} x {}", out, x, w);
    switch (w.dtype) {
        case Dtype::f32: return matmul_units<Floats<false>, float>(out, x, w);
        case Dtype::f16: return matmul_units<Floats<false>, f16>(out, x, w);
        default: return matmul_units<Rounded, bf16>(out, x, w);
    }
}

template <class Rounded>
void matmul_input_gradient(Stream, Tensor dx, Tensor dout, Tensor w) {
    check(w.size[0] == dout.columns() && w.columns() == dx.columns() && dout.rows() == dx.rows(), "matmul gradient: {} = {} x {}", dx, dout, w);
    switch (w.dtype) {
        case Dtype::f32: return input_gradient_units<Floats<false>, float>(dx, dout, w);
        case Dtype::f16: return input_gradient_units<Floats<false>, f16>(dx, dout, w);
        default: return input_gradient_units<Rounded, bf16>(dx, dout, w);
    }
}

template <class Rounded>
void matmul_weight_gradient(Stream, const TreeSum& dw, Tensor dout, Tensor x, Dtype compute) {
    check(dout.rows() == x.rows(), "matmul weight gradient: {}, {}", dout, x);
    compute == Dtype::bf16 ? weight_gradient_units<Rounded>(dw, dout, x) : weight_gradient_units<Floats<false>>(dw, dout, x);
}
