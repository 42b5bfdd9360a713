// kernels/cpu/block_chunks.inl — weights of block types on their way to a product: a chunk of at most 256 elements of
// `lanes` rows, one row in each lane, is read from either layout and unpacked in the first-level cache.

constexpr int64_t chunk_elements = 256;

// x = scale * code - minimum, of four neighbors for each piece and 16 for each group. Without minima these are not set.
struct Chunk {
    alignas(64) int32_t codes[chunk_elements / 4 * lanes];
    alignas(64) float scales[chunk_elements / 16 * lanes];
    alignas(64) float minima[chunk_elements / 16 * lanes];
};

// The bytes of a block: two that are no whole piece come first or last, then of a block of 32 the words before its
// elements, then the rest.
template <class Block>
struct BlockBytes {
    static constexpr int64_t all = sizeof(Block), half = all % 4, first = info(Block::dtype).head,
                             half_at = first > 0 ? 0 : all - half,
                             elements = Block::size == 32 ? all / 16 * 16 : all - half,
                             words = (all - half - elements) / 4, elements_at = first + 4 * words;
    static_assert(first == 0 || first == half);
};

template <class Block>
inline void unpack_block(Chunk& to, int64_t block, const Pieces& pieces) {
    FloatCodes codes{to.codes + block * (Block::size / 4 * lanes), to.scales + block * (Block::size / 16 * lanes),
                     to.minima + block * (Block::size / 16 * lanes), broadcast(0), broadcast(0)};
    unpack(BlockTag<Block>(), pieces, codes);
}

// The elements' pieces of n blocks of 32 of each row, transposed.
template <class Block>
inline void transpose_elements(float* to, const std::byte* const* rows, int64_t n) {
    using Bytes = BlockBytes<Block>;
    constexpr int64_t units = Bytes::elements / 16, vector_units = lanes / 4;
    for (int64_t unit = 0; unit < n * units; unit += vector_units) {
        F block[lanes];
#pragma GCC unroll 16
        for (int64_t i = 0; i < lanes; ++i)
            block[i] = load_units([&](int64_t u) {
                int64_t at = std::min(unit + u, n * units - 1);
                return rows[i] + at / units * Bytes::all + Bytes::elements_at + at % units * 16;
            });
        transpose(block);
#pragma GCC unroll 16
        for (int64_t i = 0; i < lanes; ++i) store(to + (unit * 4 + i) * lanes, block[i]);
    }
}

// Into the second-level cache: the first one is full of what is being unpacked, and many rows are read at once.
inline void fetch_ahead(const void* p) { __builtin_prefetch(p, 0, 2); }

// Blocks first .. first + n of the rows from `row` on; where the matrix ends, its last row again.
template <class Block>
void read_rows(Chunk& to, const Tensor& w, int64_t row, int64_t first, int64_t n) {
    using Bytes = BlockBytes<Block>;
    constexpr int64_t blocks = chunk_elements / Block::size, pieces = blocks * Bytes::elements / 4;
    alignas(64) float columns[round_up(pieces, lanes) * lanes], words[blocks * Bytes::words * lanes + lanes];
    alignas(64) f16 halves[blocks * lanes];
    const std::byte* rows[lanes];
    for (int64_t i = 0; i < lanes; ++i) {
        const std::byte* from = static_cast<const std::byte*>(w.data) +
                                std::min(row + i, w.size[0] - 1) * w.row_bytes() + first * Bytes::all;
        rows[i] = from;
        for (int64_t at = 0; at < n * Bytes::all; at += 64) fetch_ahead(from + at + 512);
        for (int64_t b = 0; b < n; ++b, from += Bytes::all) {
            if (Bytes::half > 0) std::memcpy(&halves[b * lanes + i], from + Bytes::half_at, sizeof(f16));
            for (int64_t word = 0; word < Bytes::words; ++word)
                std::memcpy(&words[(b * Bytes::words + word) * lanes + i], from + Bytes::first + 4 * word, 4);
        }
    }
    if constexpr (Block::size == 32) {
        transpose_elements<Block>(columns, rows, n);
    } else {
        const std::byte* elements[lanes];
        for (int64_t i = 0; i < lanes; ++i) elements[i] = rows[i] + Bytes::elements_at;
        transpose_pieces(columns, elements, pieces);
    }
    for (int64_t b = 0; b < n; ++b)
        unpack_block<Block>(
            to, b,
            {columns + b * Bytes::elements / 4 * lanes, words + b * Bytes::words * lanes, lanes, halves + b * lanes});
}

// The same blocks of the panel that has these rows. They are fetched one chunk ahead: the processor finds no pattern in
// parts of a panel.
template <class Block>
void read_panels(Chunk& to, const Tensor& w, int64_t row, int64_t first, int64_t n) {
    using Bytes = BlockBytes<Block>;
    check(w.panel_rows == width, "matmul: {} with panels of {}", w, width);
    row = std::min(row, (w.size[0] - 1) / lanes * lanes);
    const std::byte* block =
        static_cast<const std::byte*>(w.data) + row / width * width * w.row_bytes() + first * width * Bytes::all;
    auto pieces_at = [&](int64_t byte) { return reinterpret_cast<const float*>(block + byte * width) + row % width; };
    for (int64_t b = 0; b < n; ++b, block += width * Bytes::all) {
        for (int64_t at = 0; at < Bytes::all; at += 4) fetch_ahead(pieces_at(n * Bytes::all + at));
        unpack_block<Block>(to, b,
                            {pieces_at(Bytes::elements_at), pieces_at(Bytes::first), width,
                             reinterpret_cast<const f16*>(block + Bytes::half_at * width) + row % width});
    }
}

// How the chunks of a matrix are read.
struct ChunkReader {
    Tensor w;
    bool has_minima;
    int64_t block;
    int shift;  // block is 2^shift
    void (*read_blocks)(Chunk& to, const Tensor& w, int64_t row, int64_t first, int64_t n);

    explicit ChunkReader(const Tensor& weight)
        : w(weight), block(info(weight.dtype).block), shift(std::countr_zero(static_cast<uint64_t>(block))) {
        with_block(w.dtype, [&]<class Block>() {
            has_minima = requires(Block b) { b.m; };
            read_blocks = w.is_packed() ? read_panels<Block> : read_rows<Block>;
        });
    }
    // n elements from k on, in whole blocks.
    void operator()(Chunk& to, int64_t row, int64_t k, int64_t n) const {
        read_blocks(to, w, row, k >> shift, n >> shift);
    }
};

// Calls f(k, value) for the values of elements 0 .. n - 1.
template <bool has_minima, class Each>
inline void for_each_value(const Chunk& chunk, int64_t n, Each f) {
    for (int64_t k = 0; k < n; k += 16) {
        F scale = load(chunk.scales + k / 16 * lanes), minimum = load(chunk.minima + k / 16 * lanes);
        for (int64_t four = k; four < k + 16; four += 4) {
            I codes = load(chunk.codes + four / 4 * lanes);
            static_for<4>([&](auto i) {
                F value = scale * byte_to_floats<value_of<decltype(i)>>(codes);
                f(four + i, has_minima ? value - minimum : value);
            });
        }
    }
}

// Values of elements 0 .. n - 1 to to[k * stride], `lanes` rows each.
inline void expand_chunk(float* to, int64_t stride, const Chunk& chunk, int64_t n, bool has_minima) {
    auto put = [&](int64_t k, F value) { store(to + k * stride, value); };
    has_minima ? for_each_value<true>(chunk, n, put) : for_each_value<false>(chunk, n, put);
}

// The same as rows, `stride` floats after one another.
inline void expand_rows(float* to, int64_t stride, const Chunk& chunk, int64_t n, bool has_minima, int64_t rows) {
    alignas(64) float columns[chunk_elements * lanes];
    expand_chunk(columns, lanes, chunk, n, has_minima);
    for (int64_t k = 0; k < n; k += lanes) {
        F block[lanes];
        for (int64_t i = 0; i < lanes; ++i) block[i] = load(columns + (k + i) * lanes);
        transpose(block);
        for (int64_t i = 0; i < rows; ++i) store(to + i * stride + k, block[i]);
    }
}

// f32 = a block type. Blocks have no neighbors here: the tensor is taken as rows of 256 elements.
inline void dequantize(Stream stream, Tensor out, Tensor x) {
    check(out.count() == x.count() && is_block_type(x.dtype) && !x.is_packed(), "dequantize: {} = {}", out, x);
    if (x.count() % chunk_elements != 0) return scalar::dequantize(stream, out, x);
    int64_t rows = x.count() / chunk_elements;
    ChunkReader read(Tensor(x.data, x.dtype, {rows, chunk_elements}));
    parallel_for(divide_up(rows, lanes), 4, [&](int64_t first, int64_t last) {
        for (int64_t r = first * lanes; r < std::min(last * lanes, rows); r += lanes) {
            Chunk chunk;
            read(chunk, r, 0, chunk_elements);
            expand_rows(out.as<float>() + r * chunk_elements, chunk_elements, chunk, chunk_elements, read.has_minima,
                        std::min(lanes, rows - r));
        }
    });
}
