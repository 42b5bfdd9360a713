// Matrix products for processors with dot products of bf16 pairs.
#if defined(__x86_64__)
#include "kernels/cpu/standard.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma,f16c"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma,f16c")
#endif

namespace puna::avx512_bf16 {
namespace {
// The order of these includes matters.
// clang-format off
#include "kernels/cpu/vec_avx512.h"
#include "kernels/cpu/vec_avx512_bf16.h"
#include "kernels/cpu/tree_sum.inl"
#include "kernels/cpu/operand.inl"
#include "kernels/cpu/bf16_operand.inl"
#include "kernels/cpu/gemm_micro.inl"
#include "kernels/cpu/few_rows.inl"
#include "kernels/cpu/matmul.inl"
#include "kernels/cpu/probe.inl"
// clang-format on

double probe_bf16(int64_t rounds) {
    F a = broadcast(0);
    asm volatile("" : "+v"(a));
    run_chains(rounds, [=](F total) { return _mm512_dpbf16_ps(total, (__m512bh)a, (__m512bh)a); });
    return 4.0 * static_cast<double>(rounds) * chains * lanes;
}

}  // namespace
}  // namespace puna::avx512_bf16

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace puna {

void use_avx512_bf16(Kernels& table) {
    avx512_bf16::use_bf16_products<avx512_bf16::Bf16PairOperand>(table);
    table.probes.bf16 = avx512_bf16::probe_bf16;
}

}  // namespace puna
#endif
