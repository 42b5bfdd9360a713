// kernels/cpu/vec_avx2.h — the vector operations of the .inl files in AVX2 with FMA and F16C. Included inside the
// target region and the namespace of avx2.cpp. Partial loads fill with zeros; partial stores leave other memory
// unchanged.

using F = __m256;  // eight floats; + - * / are the compiler's own
constexpr int64_t lanes = 8;

inline __m256i first_lanes(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline F load(const float* p) { return _mm256_loadu_ps(p); }
inline F load(const float* p, int64_t n) { return _mm256_maskload_ps(p, first_lanes(n)); }
inline void store(float* p, F x) { _mm256_storeu_ps(p, x); }
inline void store(float* p, F x, int64_t n) { _mm256_maskstore_ps(p, first_lanes(n), x); }

inline __m128i load_halves(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
inline __m128i load_halves(const void* p, int64_t n) {
    alignas(16) uint16_t part[8] = {};
    std::memcpy(part, p, static_cast<size_t>(n) * 2);
    return _mm_load_si128(reinterpret_cast<const __m128i*>(part));
}
inline F widen(__m128i x) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16)); }
inline F load(const bf16* p) { return widen(load_halves(p)); }
inline F load(const bf16* p, int64_t n) { return widen(load_halves(p, n)); }
inline F load(const f16* p) { return _mm256_cvtph_ps(load_halves(p)); }
inline F load(const f16* p, int64_t n) { return _mm256_cvtph_ps(load_halves(p, n)); }

// Of two 16-bit elements in each lane: those in the lower halves, and those in the upper halves.
inline F lower(bf16, F pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(pairs), 16)); }
inline F upper(bf16, F pairs) {
    return _mm256_castsi256_ps(_mm256_and_si256(_mm256_castps_si256(pairs), _mm256_set1_epi32(-65536)));
}
inline F widen_f16(__m256i x) {  // from the lower halves; the upper ones are zeros
    return _mm256_cvtph_ps(_mm_packus_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1)));
}
inline F lower(f16, F pairs) {
    return widen_f16(_mm256_and_si256(_mm256_castps_si256(pairs), _mm256_set1_epi32(0xffff)));
}
inline F upper(f16, F pairs) { return widen_f16(_mm256_srli_epi32(_mm256_castps_si256(pairs), 16)); }

// Rounds to bf16, nearest even, in the upper halves of the lanes; NaN stays NaN. The same bits as bf16(float).
inline __m256i round_to_bf16(F x) {
    __m256i u = _mm256_castps_si256(x);
    __m256i even = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(u, _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff)));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return _mm256_blendv_epi8(rounded, _mm256_or_si256(u, _mm256_set1_epi32(0x400000)), nan);
}
inline __m128i narrow(F x) {
    __m256i u = _mm256_srli_epi32(round_to_bf16(x), 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(u), _mm256_extracti128_si256(u, 1));
}
inline void store(bf16* p, F x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), narrow(x)); }
inline void store(bf16* p, F x, int64_t n) {
    alignas(16) uint16_t part[8];
    _mm_store_si128(reinterpret_cast<__m128i*>(part), narrow(x));
    std::memcpy(p, part, static_cast<size_t>(n) * 2);
}
inline __m128i narrow_to_f16(F x) { return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT); }
inline void store(f16* p, F x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), narrow_to_f16(x)); }
inline void store(f16* p, F x, int64_t n) {
    alignas(16) uint16_t part[8];
    _mm_store_si128(reinterpret_cast<__m128i*>(part), narrow_to_f16(x));
    std::memcpy(p, part, static_cast<size_t>(n) * 2);
}
inline F as_bf16(F x) { return _mm256_castsi256_ps(_mm256_and_si256(round_to_bf16(x), _mm256_set1_epi32(-65536))); }

inline F broadcast(float x) { return _mm256_set1_ps(x); }
inline F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }    // a * b + c
inline F fnma(F a, F b, F c) { return _mm256_fnmadd_ps(a, b, c); }  // c - a * b
inline F max(F a, F b) { return _mm256_max_ps(a, b); }              // b where either is NaN
inline F min(F a, F b) { return _mm256_min_ps(a, b); }
inline F sqrt(F x) { return _mm256_sqrt_ps(x); }
inline F round_to_integer(F x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline F power_of_two(F n) {  // -126 <= n <= 127
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
inline F zero_if_less(F value, F x, F limit) {  // value, or 0 where x < limit
    return _mm256_and_ps(value, _mm256_cmp_ps(x, limit, _CMP_NLT_UQ));
}

inline F abs(F x) { return _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff))); }
inline F as_f16(F x) { return _mm256_cvtph_ps(narrow_to_f16(x)); }

// Lanes at an address without alignment.
inline F load(const std::byte* p) { return _mm256_loadu_ps(reinterpret_cast<const float*>(p)); }
inline F load(const std::byte* p, int64_t n) {
    return _mm256_maskload_ps(reinterpret_cast<const float*>(p), first_lanes(n));
}

// Two units of sixteen bytes, at(0) and at(1).
template <class Address>
inline F load_units(Address at) {
    auto unit = [&](int64_t u) { return _mm_loadu_ps(reinterpret_cast<const float*>(at(u))); };
    return _mm256_insertf128_ps(_mm256_castps128_ps256(unit(0)), unit(1), 1);
}

using M = __m256;  // a truth value for each lane
inline M less(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
inline F select(M m, F yes, F no) { return _mm256_blendv_ps(no, yes, m); }

inline float reduce_add(F x) {
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}
inline float reduce_max(F x) {
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

// Transposes eight vectors of eight 32-bit elements.
[[gnu::always_inline]] inline void transpose(F* r) {
    F t[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 4; ++i) {
        t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) r[i] = t[i];
}

// Lanes of 32 bits: numbers, or four bytes each. & | ^ are the compiler's own.
using I = __m256i;

inline I load(const int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline void store(int32_t* p, I x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x); }
inline I as_bits(F x) { return _mm256_castps_si256(x); }
inline F as_floats(I x) { return _mm256_castsi256_ps(x); }
inline I splat(uint32_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }
template <int n>
inline I shift_left(I x) {
    return _mm256_slli_epi32(x, n);
}
template <int n>
inline I shift_right(I x) {  // zeros come in
    return _mm256_srli_epi32(x, n);
}
inline F to_floats(I x) { return _mm256_cvtepi32_ps(x); }
inline I to_integers(F x) { return _mm256_cvtps_epi32(x); }  // to nearest, ties to even; |x| < 2^31
template <int i>
inline F byte_to_floats(I x) {  // byte i, signed
    return _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(x, 24 - 8 * i), 24));
}
inline I subtract_bytes(I a, I b) { return _mm256_sub_epi8(a, b); }
inline I lookup_bytes(const int8_t* table, I index) {  // of 16; every byte of index is one
    __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(entries), index);
}
template <int stride>
inline I gather(const int32_t* table, I index) {  // table[index * stride]
    return _mm256_i32gather_epi32(table, index, 4 * stride);
}
inline I mask_bytes(I bits) {  // byte j: all ones if bit j is set, j < 4
    __m256i first_byte = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12));
    __m256i bit = _mm256_set1_epi32(0x08040201);
    return _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(bits, first_byte), bit), bit);
}
