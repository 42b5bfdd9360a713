#if defined(__x86_64__)
#include "kernels/cpu/standard.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

namespace puna::avx2 {
namespace {
// The order of these includes matters.
// clang-format off
#include "kernels/cpu/vec_avx2.h"
#include "kernels/cpu/fast.inl"
#include "kernels/cpu/probe.inl"
// clang-format on

// Four bytes per lane, opaque to the compiler so that products are not hoisted out of the loop.
inline __m256i opaque(__m256i x) {
    asm volatile("" : "+x"(x));
    return x;
}

// Signed bytes: |a| times b with a's sign; pairs are added in 16 bits, then in 32.
double probe_int8(int64_t rounds) {
    __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5), ones = _mm256_set1_epi16(1);
    run_chains(rounds, [=](F total) {
        __m256i products = _mm256_maddubs_epi16(a, _mm256_sign_epi8(opaque(b), a));
        return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(total), _mm256_madd_epi16(products, ones)));
    });
    return 8.0 * static_cast<double>(rounds) * chains * lanes;
}

// Bytes times nibbles: the sum of eight pairs of products fits into 16 bits.
double probe_int4(int64_t rounds) {
    __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5), ones = _mm256_set1_epi16(1);
    run_chains(rounds, [=](F total) {
        __m256i products = _mm256_maddubs_epi16(a, opaque(b));
#pragma GCC unroll 8
        for (int i = 1; i < 8; ++i) products = _mm256_add_epi16(products, _mm256_maddubs_epi16(a, opaque(b)));
        return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(total), _mm256_madd_epi16(products, ones)));
    });
    return 8 * 8.0 * static_cast<double>(rounds) * chains * lanes;
}

}  // namespace
}  // namespace puna::avx2

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace puna {

void use_avx2(Kernels& table) {
    avx2::use_fast(table);
    table.probes = {.f32 = avx2::probe_f32,
                    .bf16 = nullptr,
                    .int8 = avx2::probe_int8,
                    .int4 = avx2::probe_int4,
                    .read = avx2::probe_read};
}

}  // namespace puna
#endif
