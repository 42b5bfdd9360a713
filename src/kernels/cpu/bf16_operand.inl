// kernels/cpu/bf16_operand.inl — matmul operands that are pairs of bf16 (see vec_avx512_bf16.h).

struct Bf16PairOperand {
    static constexpr int64_t k = 2;
    static F load_along_k(const bf16* row, int64_t n) { return load_pairs(row, n); }
    static F load_along_k(const float* row, int64_t n) {
        return round_to_pairs(load(row, std::min(n, lanes)),
                              load(row + lanes, std::clamp<int64_t>(n - lanes, 0, lanes)));
    }
    // Two elements along k, in rows `stride` apart, of each of `lanes` columns (the first n); if only one row is left,
    // the second element is zero.
    static F load_across_k(const bf16* first, int64_t stride, int64_t left, int64_t n) {
        return interleave_to_pairs(first, left > 1 ? first + stride : nullptr, std::min(n, lanes));
    }
    static F load_across_k(const float* first, int64_t stride, int64_t left, int64_t n) {
        n = std::min(n, lanes);
        return interleave_to_pairs(load(first, n), left > 1 ? load(first + stride, n) : broadcast(0));
    }
    // A piece of a stored matrix is a unit.
    template <class W>
    static constexpr int units_of_piece = 1;
    static F unit(bf16, F pieces, int) { return pieces; }
    static F multiply_add(F total, float a, F b) { return dot_pairs(total, broadcast(a), b); }
};
