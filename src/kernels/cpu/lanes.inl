// kernels/cpu/lanes.inl — for kernels that have one row, or one block, in each lane.

template <class Block>
struct BlockTag {};

// f(std::integral_constant<int, i>()) for i = 0 .. n - 1
template <int n, class Each>
inline void static_for(Each f) {
    [&]<int... i>(std::integer_sequence<int, i...>) { (f(std::integral_constant<int, i>()), ...); }
    (std::make_integer_sequence<int, n>());
}
template <class Constant>
inline constexpr int value_of = Constant::value;

// Piece p of all rows, of which row i begins at from[i], to to[p * lanes].
template <class T>
inline void transpose_pieces(float* to, const T* const* from, int64_t pieces) {
    constexpr int64_t size = 4 / sizeof(T);  // of a piece
    int64_t p = 0;
    for (; p + lanes <= pieces; p += lanes) {
        F block[lanes];
#pragma GCC unroll 16
        for (int64_t i = 0; i < lanes; ++i) block[i] = load(from[i] + p * size);
        transpose(block);
#pragma GCC unroll 16
        for (int64_t i = 0; i < lanes; ++i) store(to + (p + i) * lanes, block[i]);
    }
    if (p == pieces) return;
    F block[lanes];
    for (int64_t i = 0; i < lanes; ++i) block[i] = load(from[i] + p * size, pieces - p);
    transpose(block);
    for (int64_t i = 0; i < pieces - p; ++i) store(to + (p + i) * lanes, block[i]);
}
