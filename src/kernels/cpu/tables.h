// kernels/cpu/tables.h — the tables of this build, for kernels/choose.cpp, and what their sources share.
#pragma once
#include "kernels/kernels.h"

namespace puna {

extern const Kernels scalar_kernels;

#if defined(__x86_64__)
// Each replaces the kernels and probes that it has in a table that already holds what it builds on. Call them only
// where the processor runs them (kernels/cpu/features.h).
void use_avx2(Kernels& table);  // on scalar
void use_avx_vnni(Kernels& table);
void use_avx512(Kernels& table);  // on scalar
void use_avx512_vnni(Kernels& table);
void use_avx512_bf16(Kernels& table);
#endif

const Kernels* cuda_kernels();  // null where there is no device, the build has no CUDA, or its table is incomplete
const Kernels* cuda_table();    // the same although incomplete, for tests

namespace cpu {

constexpr int64_t key_block = 64;  // keys that attention folds at a time

// Host memory and what needs no instruction set.
void* allocate(size_t bytes);
void release(void* pointer);
void copy(Stream, void* to, const void* from, size_t bytes);
void zero(Stream, Tensor x);
void synchronize(Stream);

}  // namespace cpu
}  // namespace puna
