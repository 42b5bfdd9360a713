// kernels/cpu/block_matmul.inl — products with weights of block types, which are multiplied in f32 as if they had been
// dequantized before, with the sums of gemm_micro.inl. A few rows of x are multiplied with values that are never
// stored; more of them with panels in cache.

// A weight [N, K] of a block type, in either layout.
struct RowsOfBlocks {
    static constexpr bool is_stored = false;
    ChunkReader read;
    explicit RowsOfBlocks(const Tensor& w) : read(w) {}
    Panel panel(float* scratch, int64_t k, int64_t n, int64_t column, int64_t columns) const {
        for (int64_t c = 0; c < round_up(columns, width); c += lanes)
            for (int64_t done = 0; done < n; done += chunk_elements) {
                int64_t count = std::min(chunk_elements, n - done);
                Chunk chunk;
                read(chunk, column + c, k + done, count);
                expand_chunk(scratch + c / width * width * n + c % width + done * width, width, chunk, count,
                             read.has_minima);
            }
        return packed(scratch, n);
    }
};

// The same for input gradients, [K, N]: of each row the blocks that the columns are in.
struct ColumnsOfBlocks {
    static constexpr bool is_stored = false;
    ChunkReader read;
    explicit ColumnsOfBlocks(const Tensor& w) : read(w) {}
    Panel panel(float* scratch, int64_t k, int64_t n, int64_t column, int64_t columns) const {
        int64_t first = column / read.block * read.block,
                count = std::min(round_up(column + columns, read.block), read.w.columns()) - first;
        float* rows = cpu::scratch(cpu::Scratch::tile, round_up(n, lanes) * count);
        for (int64_t r = 0; r < n; r += lanes)
            for (int64_t done = 0; done < count; done += chunk_elements) {
                int64_t elements = std::min(chunk_elements, count - done);
                Chunk chunk;
                read(chunk, k + r, first + done, elements);
                expand_rows(rows + r * count + done, count, chunk, elements, read.has_minima, lanes);
            }
        pack_kn<F32Operand<false>>(scratch, rows + column - first, count, n, columns);
        return packed(scratch, n);
    }
};

// Vectors of columns that are summed at a time: enough independent chains, and few enough registers.
template <int rows>
constexpr int chunk_vectors = rows > 2 ? 2 : 4;

// total += a[rows, n] * chunks of `count` vectors of columns
template <bool has_minima, int rows, int count>
inline void accumulate_chunks(F (&total)[rows][count], const float* a, int64_t row_stride, const Chunk (&chunk)[count],
                              int64_t n) {
    for (int64_t k = 0; k < n; k += 16) {
        F scale[count], minimum[count];
#pragma GCC unroll 4
        for (int v = 0; v < count; ++v) {
            scale[v] = load(chunk[v].scales + k / 16 * lanes);
            if (has_minima) minimum[v] = load(chunk[v].minima + k / 16 * lanes);
        }
        for (int64_t four = k; four < k + 16; four += 4) {
            I codes[count];
#pragma GCC unroll 4
            for (int v = 0; v < count; ++v) codes[v] = load(chunk[v].codes + four / 4 * lanes);
            static_for<4>([&](auto i) {
#pragma GCC unroll 4
                for (int v = 0; v < count; ++v) {
                    F value = scale[v] * byte_to_floats<value_of<decltype(i)>>(codes[v]);
                    if (has_minima) value = value - minimum[v];
#pragma GCC unroll 8
                    for (int r = 0; r < rows; ++r)
                        total[r][v] = fma(broadcast(a[r * row_stride + four + i]), value, total[r][v]);
                }
            });
        }
    }
}

// The columns first .. last of out, which has `rows` rows.
template <int rows, bool has_minima>
void multiply_columns_of_blocks(Tensor out, Tensor x, const ChunkReader& read, int64_t first, int64_t last) {
    constexpr int count = chunk_vectors<rows>;
    constexpr int64_t step = count * lanes;
    int64_t K = x.columns();
    for (int64_t c = first; c < last; c += step) {
        F total[rows][count];
        clear(total);
        Chunk chunk[count];
        for (int64_t k = 0; k < K; k += chunk_elements) {
            int64_t n = std::min(chunk_elements, K - k);
            for (int64_t v = 0; v < count; ++v) read(chunk[v], c + v * lanes, k, n);
            accumulate_chunks<has_minima>(total, x.as<float>() + k, K, chunk, n);
        }
        store_columns(out.as<float>() + c, out.columns(), total, last - c);
    }
}

inline void multiply_few_rows_by_blocks(Tensor out, Tensor x, const Tensor& w) {
    ChunkReader read(w);
    parallel_for(divide_up(w.size[0], panel_columns), [&](int64_t task) {
        int64_t first = task * panel_columns, last = std::min(first + panel_columns, w.size[0]);
        with_row_count(x.rows(), [&](auto n) {
            constexpr int rows = decltype(n)::value;
            read.has_minima ? multiply_columns_of_blocks<rows, true>(out, x, read, first, last)
                            : multiply_columns_of_blocks<rows, false>(out, x, read, first, last);
        });
    });
}

inline void matmul_dequantized(Stream, Tensor out, Tensor x, Tensor w) {
    check(w.size[0] == out.columns() && w.columns() == x.columns() && out.rows() == x.rows(), "matmul: {} = {} x {}",
          out, x, w);
    out.rows() <= few_rows ? multiply_few_rows_by_blocks(out, x, w)
                           : multiply<F32Operand<false>>(out, x, true, RowsOfBlocks(w));
}

inline void input_gradient_dequantized(Stream, Tensor dx, Tensor dout, Tensor w) {
    check(w.size[0] == dout.columns() && w.columns() == dx.columns() && dout.rows() == dx.rows(),
          "matmul gradient: {} = {} x {}", dx, dout, w);
    multiply<F32Operand<false>>(dx, dout, false, ColumnsOfBlocks(w));
}
