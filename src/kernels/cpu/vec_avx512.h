// kernels/cpu/vec_avx512.h — the vector operations of the .inl files in AVX-512 (F, BW, VL, DQ). Included inside the
// target region and the namespace of avx512.cpp. Partial loads fill with zeros; partial stores leave other memory
// unchanged.

using F = __m512;  // sixteen floats; + - * / are the compiler's own
constexpr int64_t lanes = 16;

inline __mmask16 first_lanes(int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }  // n <= 16

inline F load(const float* p) { return _mm512_loadu_ps(p); }
inline F load(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(first_lanes(n), p); }
inline void store(float* p, F x) { _mm512_storeu_ps(p, x); }
inline void store(float* p, F x, int64_t n) { _mm512_mask_storeu_ps(p, first_lanes(n), x); }

inline F widen(__m256i x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16)); }
inline F load(const bf16* p) { return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
inline F load(const bf16* p, int64_t n) { return widen(_mm256_maskz_loadu_epi16(first_lanes(n), p)); }
inline F load(const f16* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
inline F load(const f16* p, int64_t n) { return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(n), p)); }

// Of two 16-bit elements in each lane: those in the lower halves, and those in the upper halves.
inline F lower(bf16, F pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(pairs), 16)); }
inline F upper(bf16, F pairs) {
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(pairs), _mm512_set1_epi32(-65536)));
}
inline F lower(f16, F pairs) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_castps_si512(pairs))); }
inline F upper(f16, F pairs) {
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(pairs), 16)));
}

// Rounds to bf16, nearest even, in the upper halves of the lanes; NaN stays NaN. The same bits as bf16(float).
inline __m512i round_to_bf16(F x) {
    __m512i u = _mm512_castps_si512(x);
    __m512i even = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(u, _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff)));
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_mask_or_epi32(rounded, nan, u, _mm512_set1_epi32(0x400000));
}
inline void store(bf16* p, F x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_srli_epi32(round_to_bf16(x), 16)));
}
inline void store(bf16* p, F x, int64_t n) {
    _mm256_mask_storeu_epi16(p, first_lanes(n), _mm512_cvtepi32_epi16(_mm512_srli_epi32(round_to_bf16(x), 16)));
}
inline void store(f16* p, F x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
inline void store(f16* p, F x, int64_t n) {
    _mm256_mask_storeu_epi16(p, first_lanes(n), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
inline F as_bf16(F x) { return _mm512_castsi512_ps(_mm512_and_si512(round_to_bf16(x), _mm512_set1_epi32(-65536))); }

inline F broadcast(float x) { return _mm512_set1_ps(x); }
inline F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }    // a * b + c
inline F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }  // c - a * b
inline F max(F a, F b) { return _mm512_max_ps(a, b); }              // b where either is NaN
inline F min(F a, F b) { return _mm512_min_ps(a, b); }
inline F sqrt(F x) { return _mm512_sqrt_ps(x); }
inline F round_to_integer(F x) { return _mm512_roundscale_ps(x, 0); }
inline F power_of_two(F n) { return _mm512_scalef_ps(broadcast(1), n); }
inline F zero_if_less(F value, F x, F limit) {  // value, or 0 where x < limit
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_NLT_UQ), value);
}

inline F abs(F x) { return _mm512_abs_ps(x); }
inline F as_f16(F x) { return _mm512_cvtph_ps(_mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT)); }

// Lanes at an address without alignment.
inline F load(const std::byte* p) { return _mm512_loadu_ps(p); }
inline F load(const std::byte* p, int64_t n) { return _mm512_maskz_loadu_ps(first_lanes(n), p); }

// Four units of sixteen bytes, at(0) .. at(3).
template <class Address>
inline F load_units(Address at) {
    auto unit = [&](int64_t u) { return _mm_loadu_ps(reinterpret_cast<const float*>(at(u))); };
    F x = _mm512_insertf32x4(_mm512_castps128_ps512(unit(0)), unit(1), 1);
    return _mm512_insertf32x4(_mm512_insertf32x4(x, unit(2), 2), unit(3), 3);
}

using M = __mmask16;  // a truth value for each lane
inline M less(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
inline F select(M m, F yes, F no) { return _mm512_mask_mov_ps(no, m, yes); }

inline float reduce_add(F x) {
    __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}
inline float reduce_max(F x) { return _mm512_reduce_max_ps(x); }

// Transposes sixteen vectors of sixteen 32-bit elements.
[[gnu::always_inline]] inline void transpose(F* r) {
    F t[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
        r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 4; ++i) {
        t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
        r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

// Lanes of 32 bits: numbers, or four bytes each. & | ^ are the compiler's own.
using I = __m512i;

inline I load(const int32_t* p) { return _mm512_loadu_si512(p); }
inline void store(int32_t* p, I x) { _mm512_storeu_si512(p, x); }
inline I as_bits(F x) { return _mm512_castps_si512(x); }
inline F as_floats(I x) { return _mm512_castsi512_ps(x); }
inline I splat(uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }
template <int n>
inline I shift_left(I x) {
    return _mm512_slli_epi32(x, n);
}
template <int n>
inline I shift_right(I x) {  // zeros come in
    return _mm512_srli_epi32(x, n);
}
inline F to_floats(I x) { return _mm512_cvtepi32_ps(x); }
inline I to_integers(F x) { return _mm512_cvtps_epi32(x); }  // to nearest, ties to even; |x| < 2^31
template <int i>
inline F byte_to_floats(I x) {  // byte i, signed
    return _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(x, 24 - 8 * i), 24));
}
inline I subtract_bytes(I a, I b) { return _mm512_sub_epi8(a, b); }
inline I lookup_bytes(const int8_t* table, I index) {  // of 16; every byte of index is one
    __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(entries), index);
}
template <int stride>
inline I gather(const int32_t* table, I index) {  // table[index * stride]
    return _mm512_i32gather_epi32(index, table, 4 * stride);
}
inline I mask_bytes(I bits) {  // byte j: all ones if bit j is set, j < 4
    __m512i first_byte = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12));
    return _mm512_movm_epi8(
        _mm512_test_epi8_mask(_mm512_shuffle_epi8(bits, first_byte), _mm512_set1_epi32(0x08040201)));
}
