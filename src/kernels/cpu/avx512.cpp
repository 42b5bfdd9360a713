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
// The order of these includes carries meaning.
// clang-format off
#include "kernels/cpu/vec_avx512.h"
#include "kernels/cpu/fast.inl"
#include "kernels/cpu/probe.inl"
// clang-format on
}  // namespace
}  // namespace puna::avx512

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace puna {

Kernels make_avx512_kernels(bool has_bf16, std::string_view name) {
    Kernels table = scalar_kernels;
    table.name = name;
    avx512::use_fast(table);
    if (has_bf16) use_bf16_products(table);
    return table;
}

const Probes avx512_probes = {.f32 = avx512::probe_f32, .bf16 = nullptr, .int8 = nullptr, .read = avx512::probe_read};

}  // namespace puna
#endif
