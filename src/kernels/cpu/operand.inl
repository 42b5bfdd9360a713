// kernels/cpu/operand.inl — matmul operands. A unit is 32 bits: one float, or with BF16 instructions a pair of bf16
// that are neighbors along k, the dimension of the sum (bf16_operand.inl).

// Operands as floats, rounded to bf16 if `round`, for processors without BF16 instructions.
template <bool round>
struct F32Operand {
    static constexpr int64_t k = 1;  // elements along k in a unit
    // `lanes` units along k from `row`; zeros after n elements.
    template <class T>
    static F load_along_k(const T* row, int64_t n) {
        return rounded<T>(n >= lanes ? load(row) : load(row, n));
    }
    // One unit from each of `lanes` columns (the first n).
    template <class T>
    static F load_across_k(const T* first, int64_t, int64_t, int64_t n) {
        return rounded<T>(n >= lanes ? load(first) : load(first, n));
    }
    static F multiply_add(F total, float a, F b) { return fma(broadcast(a), b, total); }
    // Unit i of `lanes` pieces of a stored matrix, which are four bytes each: one float, or two elements along k.
    template <class W>
    static constexpr int units_of_piece = 4 / sizeof(W);
    static F unit(float, F pieces, int) { return pieces; }
    template <class W>
    static F unit(W, F pieces, int i) {
        return i == 0 ? lower(W(), pieces) : upper(W(), pieces);
    }

 private:
    template <class T>
    static F rounded(F x) {
        if constexpr (round && !std::is_same_v<T, bf16>) return as_bf16(x);  // bf16 inputs need no rounding
        return x;
    }
};
