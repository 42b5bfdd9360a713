// Dot products of bytes in 512-bit registers: so far only their peak rate, for quantized weights later.
#if defined(__x86_64__)
#include "kernels/cpu/standard.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma,f16c"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma,f16c")
#endif

namespace puna::avx512_vnni {
namespace {
// The order of these includes matters.
// clang-format off
#include "kernels/cpu/vec_avx512.h"
#include "kernels/cpu/probe.inl"
// clang-format on

double probe_int8(int64_t rounds) {
    F a = broadcast(0);
    asm volatile("" : "+v"(a));
    run_chains(rounds, [=](F total) {
        return _mm512_castsi512_ps(
            _mm512_dpbusd_epi32(_mm512_castps_si512(total), _mm512_castps_si512(a), _mm512_castps_si512(a)));
    });
    return 8.0 * static_cast<double>(rounds) * chains * lanes;
}

}  // namespace
}  // namespace puna::avx512_vnni

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace puna {

void use_avx512_vnni(Kernels& table) {
    table.probes.int8 = avx512_vnni::probe_int8;
    table.probes.int4 = avx512_vnni::probe_int8;
}

}  // namespace puna
#endif
