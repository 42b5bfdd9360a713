// kernels/peaks.h — measured peak performance of this machine with a kernel table: all threads, the best of the table's
// probes and its matmul. Takes about half a second, mostly for the memory bandwidth.
//
//   MachinePeaks peaks = measure_peaks(choose_kernels());
#pragma once
#include "kernels/kernels.h"

namespace puna {

struct MachinePeaks {
    double read_gbs;               // GB/s from memory
    double f32, bf16, int8, int4;  // 10^9 multiplications and additions a second
};

// Types without instructions of their own have the peak of the type that replaces them: bf16 that of f32 (weights are
// widened), int4 that of int8.
MachinePeaks measure_peaks(const Kernels& kernels);

// Only MachinePeaks::read_gbs, the memory bandwidth.
double measure_read(const Kernels& kernels);

// The peak for matmuls with f32, f16 or bf16 weights only, in 10^9 operations a second; takes about 40 ms.
double measure_peak(const Kernels& kernels, Dtype type);

}  // namespace puna
