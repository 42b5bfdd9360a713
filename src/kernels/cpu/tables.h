// kernels/cpu/tables.h — the kernel tables of this build, for kernels/choose.cpp, and functions shared by their
// sources.
#pragma once
#include "kernels/kernels.h"

namespace puna {

extern const Kernels scalar_kernels;

#if defined(__x86_64__)
// Each replaces the kernels and probes that it implements in a table made of its base: scalar, or the instruction set
// that it extends. Requires a processor that supports them (kernels/cpu/features.h).
void use_avx2(Kernels& table);  // on scalar
void use_avx_vnni(Kernels& table);
void use_avx512(Kernels& table);  // on scalar
void use_avx512_vnni(Kernels& table);
void use_avx512_bf16(Kernels& table);
#endif

const Kernels* cuda_kernels();  // null without a device or CUDA, or if the table is incomplete
const Kernels* cuda_table();    // also if incomplete, for tests

namespace cpu {

constexpr int64_t key_block = 64;      // keys that attention processes at a time
constexpr int64_t key_segment = 1024;  // keys that are folded into one sum; the sums are combined in order

// The elements first .. first + n of row r of a matrix of a block type, in either layout: whole blocks.
void dequantize_part(float* to, const Tensor& w, int64_t r, int64_t first, int64_t n);

// Memory functions of all CPU tables.
void* allocate(size_t bytes);
void release(void* pointer);
void copy(Stream, void* to, const void* from, size_t bytes);
void zero(Stream, Tensor x);
void synchronize(Stream);

}  // namespace cpu
}  // namespace puna
