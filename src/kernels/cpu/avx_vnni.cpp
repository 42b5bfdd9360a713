// Dot products of bytes in 256-bit registers: so far only their peak rate, for quantized weights later.
#if defined(__x86_64__)
#include "kernels/cpu/standard.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avxvnni"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avxvnni")
#endif

namespace puna::avx_vnni {
namespace {
// The order of these includes matters.
// clang-format off
#include "kernels/cpu/vec_avx2.h"
#include "kernels/cpu/probe.inl"
// clang-format on

double probe_int8(int64_t rounds) {
    F a = broadcast(0);
    asm volatile("" : "+x"(a));
    run_chains(rounds, [=](F total) {
        return _mm256_castsi256_ps(
            _mm256_dpbusd_avx_epi32(_mm256_castps_si256(total), _mm256_castps_si256(a), _mm256_castps_si256(a)));
    });
    return 8.0 * static_cast<double>(rounds) * chains * lanes;
}

}  // namespace
}  // namespace puna::avx_vnni

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace puna {

void use_avx_vnni(Kernels& table) {
    table.probes.int8 = avx_vnni::probe_int8;
    table.probes.int4 = avx_vnni::probe_int8;
}

}  // namespace puna
#endif
