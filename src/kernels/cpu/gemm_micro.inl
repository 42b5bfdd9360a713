// kernels/cpu/gemm_micro.inl — the inner loops of every matrix product: out[rows, 64] += a[rows, k] * panel[k, 64].
//
// Each element of `out` is one chain of fused multiply-adds from the first k to the last, whatever the shapes: results
// are bit-identical for any rows, threads and chunking. (Libraries do not specify that order.)
//
// A panel holds 64 columns of the right-hand side as units (see operand.inl), in sub-panels of `width` columns:
// [64 / width][units of k][width]. Columns past the end are zeros. The layout in which the table stores a matrix of
// units is such sub-panels, of all of its k (kernels/cpu/panels.h).

constexpr int64_t panel_columns = 64, vectors = lanes == 16 ? 4 : 2, width = vectors * lanes, tile_rows = 6;

template <class Operand, int rows>
void multiply_rows(float* out, int64_t out_stride, const float* a, int64_t row_stride, int64_t k_stride,
                   const float* panel, int64_t units, bool overwrite) {
    F total[rows][vectors];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v)
            total[r][v] = overwrite ? broadcast(0) : load(out + r * out_stride + v * lanes);
    for (int64_t k = 0; k < units; ++k, a += k_stride, panel += width) {
        F b[vectors];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) b[v] = load(panel + v * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) total[r][v] = Operand::multiply_add(total[r][v], a[r * row_stride], b[v]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) store(out + r * out_stride + v * lanes, total[r][v]);
}

// Calls f(n) with the number of rows, at most tile_rows, as a constant: decltype(n)::value.
template <class F>
inline void with_row_count(int64_t rows, F f) {
    switch (rows) {
        case 1:
            return f(std::integral_constant<int, 1>());
        case 2:
            return f(std::integral_constant<int, 2>());
        case 3:
            return f(std::integral_constant<int, 3>());
        case 4:
            return f(std::integral_constant<int, 4>());
        case 5:
            return f(std::integral_constant<int, 5>());
        case 6:
            return f(std::integral_constant<int, 6>());
        default:
            check(false, "a tile of {} rows", rows);
    }
}

template <class Operand>
void multiply_tile(int64_t rows, float* out, int64_t out_stride, const float* a, int64_t row_stride, int64_t k_stride,
                   const float* panel, int64_t units, bool overwrite) {
    with_row_count(rows, [&](auto n) {
        multiply_rows<Operand, decltype(n)::value>(out, out_stride, a, row_stride, k_stride, panel, units, overwrite);
    });
}

// The left-hand side: unit u of row r is data[r * row_stride + u * k_stride].
struct Lhs {
    const float* data;
    int64_t row_stride, k_stride;
    Lhs from(int64_t row, int64_t unit) const {
        return {data + row * row_stride + unit * k_stride, row_stride, k_stride};
    }
};

// Sub-panels that begin `stride` floats after one another.
struct Panel {
    const float* data;
    int64_t stride;
};

// The panel that pack_nk and pack_kn make of `units` units of k.
inline Panel packed(const float* data, int64_t units) { return {data, width * units}; }

// out[rows, columns] of one panel, columns <= 64; overwrite: set, else add.
template <class Operand>
void multiply_panel(float* out, int64_t out_stride, Lhs a, int64_t rows, Panel panel, int64_t columns, int64_t units,
                    bool overwrite) {
    for (int64_t r = 0; r < rows; r += tile_rows) {
        int64_t n = std::min(tile_rows, rows - r);
        const float* left = a.data + r * a.row_stride;
        for (int64_t c = 0; c < columns; c += width) {
            float* to = out + r * out_stride + c;
            const float* part = panel.data + c / width * panel.stride;
            if (columns - c >= width) {
                multiply_tile<Operand>(n, to, out_stride, left, a.row_stride, a.k_stride, part, units, overwrite);
                continue;
            }
            alignas(64) float edge[tile_rows * width];
            size_t bytes = static_cast<size_t>(columns - c) * sizeof(float);
            for (int64_t i = 0; i < n && !overwrite; ++i) std::memcpy(edge + i * width, to + i * out_stride, bytes);
            multiply_tile<Operand>(n, edge, width, left, a.row_stride, a.k_stride, part, units, overwrite);
            for (int64_t i = 0; i < n; ++i) std::memcpy(to + i * out_stride, edge + i * width, bytes);
        }
    }
}

template <class Operand>
constexpr int64_t unit_count(int64_t elements) {
    return (elements + Operand::k - 1) / Operand::k;
}

// Panel of a matrix [columns, k] whose rows are contiguous along k: column c is row c of `from`. columns <= 64.
template <class Operand, class T>
void pack_nk(float* panel, const T* from, int64_t stride, int64_t k, int64_t columns) {
    int64_t units = unit_count<Operand>(k);
    for (int64_t c = 0; c < round_up(columns, width); c += lanes) {
        float* to = panel + c / width * width * units + c % width;
        for (int64_t u = 0; u < units; u += lanes) {
            F block[lanes];
            for (int64_t i = 0; i < lanes; ++i)
                block[i] = c + i < columns
                               ? Operand::load_along_k(from + (c + i) * stride + u * Operand::k, k - u * Operand::k)
                               : broadcast(0);
            transpose(block);
            for (int64_t i = 0; i < std::min(lanes, units - u); ++i) store(to + (u + i) * width, block[i]);
        }
    }
}

// Panel of a matrix [k, columns]: row k of the panel is row k of `from`.
template <class Operand, class T>
void pack_kn(float* panel, const T* from, int64_t stride, int64_t k, int64_t columns) {
    int64_t units = unit_count<Operand>(k);
    for (int64_t c = 0; c < round_up(columns, width); c += lanes) {
        float* to = panel + c / width * width * units + c % width;
        for (int64_t u = 0; u < units; ++u)
            store(to + u * width, c < columns ? Operand::load_across_k(from + u * Operand::k * stride + c, stride,
                                                                       k - u * Operand::k, columns - c)
                                              : broadcast(0));
    }
}

// The left-hand side from a matrix [k, rows]: transposed to [rows, units].
template <class Operand>
void transpose_left(float* to, int64_t to_stride, const float* from, int64_t stride, int64_t k, int64_t rows) {
    int64_t units = unit_count<Operand>(k);
    for (int64_t r = 0; r < rows; r += lanes)
        for (int64_t u = 0; u < units; u += lanes) {
            F block[lanes];
            for (int64_t i = 0; i < lanes; ++i)
                block[i] = u + i < units ? Operand::load_across_k(from + (u + i) * Operand::k * stride + r, stride,
                                                                  k - (u + i) * Operand::k, rows - r)
                                         : broadcast(0);
            transpose(block);
            for (int64_t i = 0; i < std::min(lanes, rows - r); ++i)
                store(to + (r + i) * to_stride + u, block[i], std::min(lanes, units - u));
        }
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

// All rows of x as units, in scratch memory.
template <class Operand>
Lhs convert_lhs(Tensor x) {
    int64_t K = x.columns(), units = unit_count<Operand>(K);
    if constexpr (!converts_lhs<Operand>) return {x.as<float>(), K, 1};
    float* copy = cpu::scratch(cpu::Scratch::operand, x.rows() * units);
    parallel_for(x.rows(), 64, [&](int64_t first, int64_t last) {
        convert_rows<Operand>(copy + first * units, x, first, last - first);
    });
    return {copy, units, 1};
}
