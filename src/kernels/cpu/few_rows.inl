// kernels/cpu/few_rows.inl — products with few rows of x, as in decoding: each weight is read once, from either layout;
// panels are read at the speed of memory, rows at about half of it. The sums are those of gemm_micro.inl: one chain of
// fused multiply-adds from the first k to the last.

constexpr int few_rows = tile_rows;

// Vectors of columns that are summed at a time: enough independent chains, and few enough registers.
template <int rows>
constexpr int stored_vectors = lanes == 16 || rows > 2 ? vectors
                               : rows == 2             ? 2 * vectors
                                                       : 4 * vectors;

// total[rows][count] += a[rows, units] * pieces of `count` vectors of columns. A piece is `step` floats after the one
// before it; every `group` vectors begin `stride` floats after the group before them. `at_once`: vectors whose units
// are in registers beside the sums and the elements of a.
template <class Operand, class W, int rows, int count, int group>
inline void accumulate(F (&total)[rows][count], const float* a, int64_t row_stride, const float* pieces, int64_t step,
                       int64_t stride, int64_t units) {
    constexpr int per_piece = Operand::template units_of_piece<W>, at_once = rows > 2 ? count : 1;
    for (int64_t u = 0; u < units; u += per_piece, pieces += step) {
        int present = static_cast<int>(std::min<int64_t>(per_piece, units - u));
#pragma GCC unroll 8
        for (int first = 0; first < count; first += at_once)
#pragma GCC unroll 2
            for (int i = 0; i < per_piece; ++i) {
                if (i == present) break;
                // With many sums the pieces are loaded again for their second units: a load is cheaper than a register.
                if (rows > 4 && i > 0) asm("" : "+r"(pieces));
                F unit[at_once];
#pragma GCC unroll 8
                for (int v = 0; v < at_once; ++v)
                    unit[v] = Operand::unit(
                        W(), load(pieces + (first + v) / group * stride + (first + v) % group * lanes), i);
#pragma GCC unroll 8
                for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
                    for (int v = 0; v < at_once; ++v)
                        total[r][first + v] =
                            Operand::multiply_add(total[r][first + v], a[r * row_stride + u + i], unit[v]);
            }
    }
}

// The units of panels in pieces: `units` of each of `columns` columns, as sub-panels `to_stride` floats after one
// another.
template <class Operand, class W>
inline void expand_panels(float* to, int64_t to_stride, const float* pieces, int64_t stride, int64_t columns,
                          int64_t units) {
    constexpr int per_piece = Operand::template units_of_piece<W>;
    for (int64_t c = 0; c < columns; c += width, to += to_stride, pieces += stride)
        for (int64_t u = 0; u < units; u += per_piece)
            for (int64_t v = 0; v < width; v += lanes) {
                F piece = load(pieces + u / per_piece * width + v);
                for (int i = 0; i < per_piece; ++i) store(to + (u + i) * width + v, Operand::unit(W(), piece, i));
            }
}

template <int rows, int count>
inline void clear(F (&total)[rows][count]) {
    for (auto& row : total)
        for (F& vector : row) vector = broadcast(0);
}

// The first `columns` of total to out.
template <int rows, int count>
inline void store_columns(float* out, int64_t out_stride, const F (&total)[rows][count], int64_t columns) {
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < count && v * lanes < columns; ++v) {
            float* to = out + r * out_stride + v * lanes;
            columns - v* lanes >= lanes ? store(to, total[r][v]) : store(to, total[r][v], columns - v * lanes);
        }
}

// Columns of a weight in panels: `count` vectors from `column` on, a multiple of `width`.
template <class Operand, class W, int rows, int count>
inline void multiply_stored(float* out, int64_t out_stride, Lhs a, const Tensor& w, int64_t column, int64_t columns) {
    int64_t K = w.columns(), stride = width * K * static_cast<int64_t>(sizeof(W)) / 4;
    F total[rows][count];
    clear(total);
    accumulate<Operand, W, rows, count, vectors>(total, a.data, a.row_stride,
                                                 static_cast<const float*>(w.data) + column / width * stride, width,
                                                 stride, unit_count<Operand>(K));
    store_columns(out, out_stride, total, columns);
}

// `lanes` pieces of a row from element k on, zeros after its end.
template <class W>
inline F load_pieces(const W* row, int64_t left) {
    constexpr int64_t elements = lanes * 4 / sizeof(W);
    if (left >= elements) return load(reinterpret_cast<const float*>(row));
    alignas(64) float part[lanes] = {};
    if (left > 0) std::memcpy(part, row, static_cast<size_t>(left) * sizeof(W));
    return load(part);
}

// Columns of a weight in rows: blocks of `lanes` pieces of the rows are transposed in cache.
template <class Operand, class W, int rows, int count>
inline void multiply_rows_of_weight(float* out, int64_t out_stride, Lhs a, const Tensor& w, int64_t column,
                                    int64_t columns) {
    constexpr int64_t elements = lanes * 4 / sizeof(W), step = count * lanes;
    int64_t K = w.columns();
    const W* weights = w.as<W>() + column * K;
    F total[rows][count];
    clear(total);
    alignas(64) float pieces[lanes * step];
    for (int64_t k = 0; k < K; k += elements) {
        for (int64_t v = 0; v < count; ++v) {
            F block[lanes];
            for (int64_t i = 0; i < lanes; ++i)
                block[i] =
                    v * lanes + i < columns ? load_pieces(weights + (v * lanes + i) * K + k, K - k) : broadcast(0);
            transpose(block);
            for (int64_t i = 0; i < lanes; ++i) store(pieces + i * step + v * lanes, block[i]);
        }
        accumulate<Operand, W, rows, count, count>(total, a.data + k / Operand::k, a.row_stride, pieces, step, 0,
                                                   unit_count<Operand>(std::min(elements, K - k)));
    }
    store_columns(out, out_stride, total, columns);
}

// The columns first .. last of out.
template <class Operand, class W, int rows>
void multiply_columns(Tensor out, Lhs a, const Tensor& w, int64_t first, int64_t last) {
    constexpr int stored = stored_vectors<rows>, in_rows = stored < 4 ? stored : stored / 2;
    for (int64_t c = first; c < last;) {
        float* to = out.as<float>() + c;
        int64_t left = last - c, wide = stored * lanes, panel = vectors * lanes;
        if (!w.is_packed()) {
            multiply_rows_of_weight<Operand, W, rows, in_rows>(to, out.columns(), a, w, c, left);
            c += in_rows * lanes;
        } else if (left >= wide) {
            multiply_stored<Operand, W, rows, stored>(to, out.columns(), a, w, c, left);
            c += wide;
        } else {
            multiply_stored<Operand, W, rows, vectors>(to, out.columns(), a, w, c, left);
            c += panel;
        }
    }
}

template <class Operand, class W>
void multiply_few_rows(Tensor out, Tensor x, Tensor w) {
    check(!w.is_packed() || (w.panel_rows == width && w.row_bytes() % 4 == 0), "matmul: {} with panels of {}", w,
          width);
    Lhs a = convert_lhs<Operand>(x);
    parallel_for(divide_up(w.size[0], panel_columns), [&](int64_t task) {
        int64_t first = task * panel_columns, last = std::min(first + panel_columns, w.size[0]);
        with_row_count(x.rows(),
                       [&](auto n) { multiply_columns<Operand, W, decltype(n)::value>(out, a, w, first, last); });
    });
}
