#include "kernels/cpu/features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace puna {

namespace {

CpuFeatures detect() {
    CpuFeatures found;
#if defined(__x86_64__)
    // __builtin_cpu_supports lacks f16c in clang 14, and AVX-VNNI in both compilers. Every processor with AVX2 has
    // F16C; AVX-VNNI is bit 4 of EAX in CPUID leaf 7, subleaf 1 (Intel SDM, volume 2A), and uses the registers of AVX2.
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    bool leaf7 = __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0;
    found.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    found.avx_vnni = found.avx2 && leaf7 && (eax >> 4 & 1) != 0;
    found.avx512 = found.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    found.avx512_vnni = found.avx512 && __builtin_cpu_supports("avx512vnni");
    found.avx512_bf16 = found.avx512 && __builtin_cpu_supports("avx512bf16");
#endif
    return found;
}

}  // namespace

const CpuFeatures& cpu_features() {
    static const CpuFeatures features = detect();
    return features;
}

}  // namespace puna
