// kernels/peaks.h — what this machine can do at most with a table of kernels, measured: all threads together, the best
// of the table's own probes and of its matmul. Takes about half a second, most of it for the memory.
//
//   MachinePeaks peaks = measure_peaks(choose_kernels());
#pragma once
#include "kernels/kernels.h"

namespace puna {

struct MachinePeaks {
    double read_gbs;               // GB/s from memory
    double f32, bf16, int8, int4;  // 10^9 multiplications and additions a second
};

// A type for which the instruction set has nothing has the peak of what computes it instead: bf16 that of f32 (weights
// are widened), int4 that of int8.
MachinePeaks measure_peaks(const Kernels& kernels);

// Its first figure alone.
double measure_read(const Kernels& kernels);

// The figure for matmuls with f32, f16 or bf16 weights alone; some forty milliseconds.
double measure_peak(const Kernels& kernels, Dtype type);

}  // namespace puna
