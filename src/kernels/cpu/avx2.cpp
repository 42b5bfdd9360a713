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
// The order of these includes carries meaning.
// clang-format off
#include "kernels/cpu/vec_avx2.h"
#include "kernels/cpu/fast.inl"
#include "kernels/cpu/probe.inl"
// clang-format on
}  // namespace
}  // namespace puna::avx2

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace puna {

Kernels make_avx2_kernels() {
    Kernels table = scalar_kernels;
    table.name = "avx2";
    avx2::use_fast(table);
    return table;
}

const Probes avx2_probes = {.f32 = avx2::probe_f32, .bf16 = nullptr, .int8 = nullptr, .read = avx2::probe_read};

}  // namespace puna
#endif
