// kernels/cpu/vec_avx512_bf16.h — vector operations on pairs of bf16, one pair per 32-bit lane, in AVX512_BF16.
// Included after vec_avx512.h, inside the target region and the namespace of avx512_bf16.cpp.

// The first n bf16 at p, two per lane; zeros after them.
inline F load_pairs(const bf16* p, int64_t n) {
    if (n >= 2 * lanes) return _mm512_loadu_ps(p);
    return _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(static_cast<__mmask32>((uint64_t{1} << n) - 1), p));
}
// 2 * lanes floats in order, rounded, two per lane.
inline F round_to_pairs(F first, F second) { return (F)_mm512_cvtne2ps_pbh(second, first); }
// Rounded; `low` in the lower half of each lane, `high` in the upper half.
inline F interleave_to_pairs(F low, F high) {
    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_srli_epi32(round_to_bf16(low), 16),
                                               _mm512_and_si512(round_to_bf16(high), _mm512_set1_epi32(-65536))));
}
// The same for two rows of bf16, the first n of each; zeros if there is no second row.
inline F interleave_to_pairs(const bf16* low, const bf16* high, int64_t n) {
    __m512i pairs = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first_lanes(n), low));
    if (high) {
        __m256i upper = _mm256_maskz_loadu_epi16(first_lanes(n), high);
        pairs = _mm512_or_si512(pairs, _mm512_slli_epi32(_mm512_cvtepu16_epi32(upper), 16));
    }
    return _mm512_castsi512_ps(pairs);
}
// In each lane: total + product of the upper halves, + product of the lower halves.
inline F dot_pairs(F total, F a, F b) { return _mm512_dpbf16_ps(total, (__m512bh)a, (__m512bh)b); }
