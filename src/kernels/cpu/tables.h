// kernels/cpu/tables.h — the tables of this build, for kernels/choose.cpp, and what their sources share.
#pragma once
#include "kernels/kernels.h"

namespace puna {

// See kernels/probe.h; null where the instruction set has nothing for a type.
struct Probes {
    double (*f32)(int64_t rounds);
    double (*bf16)(int64_t rounds);
    double (*int8)(int64_t rounds);
    float (*read)(const float* numbers, int64_t n);
};

extern const Kernels scalar_kernels;
#if defined(__x86_64__)
extern const Probes avx2_probes, avx512_probes, avx512_bf16_probes;
Kernels make_avx2_kernels();  // a copy of scalar with what AVX2 does better; call only where it runs
Kernels make_avx512_kernels(bool has_bf16, std::string_view name);
void use_bf16_products(Kernels& table);
#endif

const Kernels* cuda_kernels();  // null where there is no device, the build has no CUDA, or its table has holes
const Kernels* cuda_table();    // the same with holes, for tests

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
