// kernels/cpu/features.h — the vector instruction sets of this processor, detected one by one: Cascade Lake and Ice
// Lake have AVX-512 VNNI without BF16, many desktop processors AVX2 with or without AVX-VNNI.
#pragma once

namespace puna {

struct CpuFeatures {
    bool avx2 = false;         // with FMA and F16C
    bool avx_vnni = false;     // dot products of bytes in 256-bit registers
    bool avx512 = false;       // F, BW, VL and DQ
    bool avx512_vnni = false;  // dot products of bytes
    bool avx512_bf16 = false;  // dot products of pairs of bf16
};

const CpuFeatures& cpu_features();

}  // namespace puna
