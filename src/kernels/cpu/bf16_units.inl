// kernels/cpu/bf16_units.inl — pairs of bf16 for vdpbf16ps, which adds the products of the upper, then of the lower
// halves to each 32-bit sum. Needs AVX512_BF16.

struct Pairs {
    static constexpr int64_t k = 2;
    static F along(const bf16* row, int64_t n) {
        if (n >= 2 * lanes) return _mm512_loadu_ps(row);
        return _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(static_cast<__mmask32>((uint64_t{1} << n) - 1), row));
    }
    static F along(const float* row, int64_t n) {
        F low = load(row, std::min(n, lanes)), high = load(row + lanes, std::clamp<int64_t>(n - lanes, 0, lanes));
        return (F)_mm512_cvtne2ps_pbh(high, low);
    }
    template <class T>
    static F across(const T* first, int64_t stride, int64_t left, int64_t n) {
        n = std::min(n, lanes);
        const T* second = left > 1 ? first + stride : first;
        return interleave_rows(first, second, n, left > 1);
    }
    static F step(F total, float a, F b) { return _mm512_dpbf16_ps(total, (__m512bh)set(a), (__m512bh)b); }

 private:
    static F interleave_rows(const float* low, const float* high, int64_t n, bool both) {
        return bf16_pair(load(low, n), both ? load(high, n) : set(0));
    }
    static F interleave_rows(const bf16* low, const bf16* high, int64_t n, bool both) {
        F pair = interleave(low, high, n);
        return both ? pair
                    : _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(pair), _mm512_set1_epi32(0xffff)));
    }
};
