// kernels/cpu/matmul.inl — the three products of a linear layer, for one type of operand (Operand). Work is split into
// panels of 64 output columns, packed into cache, times blocks of rows. Letters as in kernels.h.

constexpr int64_t k_block = 512;  // elements along k packed at a time: a panel fits in the L2 cache

// Rows per task: all of them if there are enough panels for the threads.
inline int64_t rows_per_task(int64_t rows, int64_t panels) {
    int64_t pieces = std::clamp<int64_t>(4 * threads() / panels, 1, std::max<int64_t>(rows / 256, 1));
    return divide_up(divide_up(rows, pieces), tile_rows) * tile_rows;
}

// n rows of x [T, K] as units in `to`.
template <class Operand>
void convert_rows(float* to, Tensor x, int64_t first, int64_t n) {
    int64_t K = x.columns(), units = unit_count<Operand>(K);
    for (int64_t t = first; t < first + n; ++t, to += units)
        for (int64_t u = 0; u < units; u += lanes) {
            F piece = Operand::load_along_k(x.row<float>(t) + u * Operand::k, K - u * Operand::k);
            u + lanes <= units ? store(to + u, piece) : store(to + u, piece, units - u);
        }
}

template <class Operand>
constexpr bool converts_lhs = !std::is_same_v<Operand, F32Operand<false>>;

// out[T, N] = or += x[T, K] * right[K, N], where pack(panel, first k, n of k, first column, n of columns) fills a
// panel. For few rows: each panel is packed by the task that uses it.
template <class Operand, class Pack>
void multiply_by_panels(Tensor out, Tensor x, bool overwrite, Pack pack) {
    int64_t T = out.rows(), N = out.columns(), K = x.columns(), panels = divide_up(N, panel_columns),
            rows = rows_per_task(T, panels);
    Lhs left{x.as<float>(), K, 1};
    if constexpr (converts_lhs<Operand>) {
        float* copy = cpu::scratch(cpu::Scratch::operand, T * unit_count<Operand>(K));
        parallel_for(T, 64, [&](int64_t first, int64_t last) {
            convert_rows<Operand>(copy + first * unit_count<Operand>(K), x, first, last - first);
        });
        left = {copy, unit_count<Operand>(K), 1};
    }
    parallel_for(panels * divide_up(T, rows), [&](int64_t task) {
        int64_t first = task / panels * rows, n = std::min(rows, T - first), column = task % panels * panel_columns;
        int64_t columns = std::min(panel_columns, N - column);
        float* panel = cpu::scratch(cpu::Scratch::panel, panel_columns * k_block);
        for (int64_t k = 0; k < K; k += k_block) {
            int64_t k_count = std::min(k_block, K - k);
            pack(panel, k, k_count, column, columns);
            multiply_panel<Operand>(out.row<float>(first) + column, N, left.from(first, k / Operand::k), n, panel,
                                    columns, unit_count<Operand>(k_count), overwrite && k == 0);
        }
    });
}

// For many rows: all panels are packed first, then each task converts a block of rows into cache and multiplies it by
// all panels, so that x is read once and out is written once.
template <class Operand, class Pack>
void multiply_by_rows(Tensor out, Tensor x, bool overwrite, Pack pack) {
    constexpr int64_t block = 16 * tile_rows;
    int64_t T = out.rows(), N = out.columns(), K = x.columns(), panels = divide_up(N, panel_columns),
            units = unit_count<Operand>(K);
    float* packed = cpu::scratch(cpu::Scratch::operand, panels * panel_columns * units);
    auto panel_at = [&](int64_t panel, int64_t k) { return packed + panel_columns * (panel * units + k / Operand::k); };
    auto each_k_block = [&](auto f) {
        for (int64_t k = 0; k < K; k += k_block) f(k, std::min(k_block, K - k));
    };
    parallel_for(panels, [&](int64_t panel) {
        int64_t column = panel * panel_columns;
        each_k_block(
            [&](int64_t k, int64_t n) { pack(panel_at(panel, k), k, n, column, std::min(panel_columns, N - column)); });
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
            each_k_block([&](int64_t k, int64_t k_count) {
                int64_t column = panel * panel_columns;
                multiply_panel<Operand>(out.row<float>(first) + column, N, left.from(0, k / Operand::k), n,
                                        panel_at(panel, k), std::min(panel_columns, N - column),
                                        unit_count<Operand>(k_count), overwrite && k == 0);
            });
    });
}

template <class Operand, class Pack>
void multiply(Tensor out, Tensor x, bool overwrite, Pack pack) {
    bool many_rows = out.rows() >= out.columns() && out.rows() >= 256 * threads();
    many_rows ? multiply_by_rows<Operand>(out, x, overwrite, pack)
              : multiply_by_panels<Operand>(out, x, overwrite, pack);
}

template <class Operand, class W>
void matmul_as(Tensor out, Tensor x, Tensor w) {
    int64_t D = x.columns();
    const W* weights = w.as<W>();
    multiply<Operand>(out, x, true, [&](float* panel, int64_t k, int64_t n, int64_t column, int64_t columns) {
        pack_nk<Operand>(panel, weights + column * D + k, D, n, columns);
    });
}

template <class Operand, class W>
void input_gradient_as(Tensor dx, Tensor dout, Tensor w) {
    int64_t D = dx.columns();
    const W* weights = w.as<W>();
    multiply<Operand>(dx, dout, false, [&](float* panel, int64_t k, int64_t n, int64_t column, int64_t columns) {
        pack_kn<Operand>(panel, weights + k * D + column, D, n, columns);
    });
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
                multiply_panel<Operand>(to, to_stride, rows_of_chunk, n, panel + panel_columns * first_unit[c], columns,
                                        units, true);
                tile.commit(static_cast<int64_t>(c), part);
            }
        }
    });
}

// The kernels of the table; bf16 weights are multiplied with Bf16Operand.
template <class Bf16Operand>
void matmul(Stream, Tensor out, Tensor x, Tensor w) {
    check(w.size[0] == out.columns() && w.columns() == x.columns() && out.rows() == x.rows(), "matmul: {} = {} x {}",
          out, x, w);
    switch (w.dtype) {
        case Dtype::f32:
            return matmul_as<F32Operand<false>, float>(out, x, w);
        case Dtype::f16:
            return matmul_as<F32Operand<false>, f16>(out, x, w);
        default:
            return matmul_as<Bf16Operand, bf16>(out, x, w);
    }
}

template <class Bf16Operand>
void matmul_input_gradient(Stream, Tensor dx, Tensor dout, Tensor w) {
    check(w.size[0] == dout.columns() && w.columns() == dx.columns() && dout.rows() == dx.rows(),
          "matmul gradient: {} = {} x {}", dx, dout, w);
    switch (w.dtype) {
        case Dtype::f32:
            return input_gradient_as<F32Operand<false>, float>(dx, dout, w);
        case Dtype::f16:
            return input_gradient_as<F32Operand<false>, f16>(dx, dout, w);
        default:
            return input_gradient_as<Bf16Operand, bf16>(dx, dout, w);
    }
}

template <class Bf16Operand>
void matmul_weight_gradient(Stream, const TreeSum& dw, Tensor dout, Tensor x, Dtype compute) {
    check(dout.rows() == x.rows(), "matmul weight gradient: {}, {}", dout, x);
    compute == Dtype::bf16 ? weight_gradient_as<Bf16Operand>(dw, dout, x)
                           : weight_gradient_as<F32Operand<false>>(dw, dout, x);
}
