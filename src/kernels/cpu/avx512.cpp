#if defined(__x86_64__)
#include "kernels/cpu/standard.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma,f16c"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,fma,f16c")
#endif

namespace puna::avx512 {
namespace {
// The order of these includes matters.
// clang-format off
#include "kernels/cpu/vec_avx512.h"
#include "kernels/cpu/fast.inl"
#include "kernels/cpu/probe.inl"
// clang-format on

// Four bytes per lane, opaque to the compiler so that products are not hoisted out of the loop.
inline __m512i opaque(__m512i x) {
    asm volatile("" : "+v"(x));
    return x;
}

// As in avx2.cpp, with a masked subtraction to apply the sign.
double probe_int8(int64_t rounds) {
    __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5), ones = _mm512_set1_epi16(1);
    __mmask64 negative = _mm512_movepi8_mask(opaque(a));
    run_chains(rounds, [=](F total) {
        __m512i signed_b = _mm512_mask_sub_epi8(opaque(b), negative, _mm512_setzero_si512(), b);
        __m512i products = _mm512_maddubs_epi16(a, signed_b);
        return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(total), _mm512_madd_epi16(products, ones)));
    });
    return 8.0 * static_cast<double>(rounds) * chains * lanes;
}

double probe_int4(int64_t rounds) {
    __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5), ones = _mm512_set1_epi16(1);
    run_chains(rounds, [=](F total) {
        __m512i products = _mm512_maddubs_epi16(a, opaque(b));
#pragma GCC unroll 8
        for (int i = 1; i < 8; ++i) products = _mm512_add_epi16(products, _mm512_maddubs_epi16(a, opaque(b)));
        return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(total), _mm512_madd_epi16(products, ones)));
    });
    return 8 * 8.0 * static_cast<double>(rounds) * chains * lanes;
}

}  // namespace
}  // namespace puna::avx512

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace puna {

void use_avx512(Kernels& table) {
    avx512::use_fast(table);
    table.probes = {.f32 = avx512::probe_f32,
                    .bf16 = nullptr,
                    .int8 = avx512::probe_int8,
                    .int4 = avx512::probe_int4,
                    .read = avx512::probe_read};
}

}  // namespace puna
#endif
