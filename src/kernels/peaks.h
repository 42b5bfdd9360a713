// kernels/peaks.h — what this machine can do at most, measured: all threads together, the best of its own probes and of
// our matmul. Takes about half a second, most of it for the memory.
#pragma once
#include "core/dtype.h"

namespace puna {

struct MachinePeaks {
    double read_gbs;         // GB/s from memory
    double f32, bf16, int8;  // 10^9 operations a second; 0 where there are no instructions for them
};
MachinePeaks measure_peaks();

// 10^9 operations a second for products of f32 or bf16 weights; some thirty milliseconds.
double measure_peak(Dtype type);

}  // namespace puna
