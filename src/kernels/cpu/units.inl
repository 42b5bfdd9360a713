// kernels/cpu/units.inl — what matmul operands are made of. A unit is 32 bits: one float, or with BF16 instructions a
// pair of bf16 that are neighbours along k, the direction of summing.

// Operands as floats. `rounded`: through bf16 first, for machines without its instructions.
template <bool rounded>
struct Floats {
    static constexpr int64_t k = 1;  // numbers in a unit
    static F prepare(F x) {
        if constexpr (rounded) return as_bf16(x);
        return x;
    }
    // lanes units along k, starting at row[first]; units past n numbers are zero
    template <class T>
    static F along(const T* row, int64_t n) {
        return prepare(n >= lanes ? load(row) : load(row, n));
    }
    // one unit from each of `lanes` columns (the first n); rows: numbers left along k
    template <class T>
    static F across(const T* first, int64_t, int64_t, int64_t n) {
        return prepare(n >= lanes ? load(first) : load(first, n));
    }
    static F step(F total, float a, F b) { return fma(set(a), b, total); }
};
