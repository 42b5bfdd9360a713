// kernels/cases.h — calls of every kernel on random data: tests compare each kernel table with `scalar` on them, and
// `puna bench kernels` times them.
//
//   Arena memory(kernels);
//   for (KernelCase& c : kernel_cases(CaseSizes{.tokens = 37}, memory)) c.run(kernels);
//
// All operands are in the memory of the arena's table; the host reads outputs through HostCopy. Every table whose
// memory the host can access may run the cases of any other such table.
#pragma once
#include "kernels/arena.h"
#include "kernels/kernels.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct CaseSizes {
    int64_t tokens = 37, dim = 72, out = 53, heads = 6, kv_heads = 2, head_dim = 20, ffn = 85, vocabulary = 131;
    int64_t cached = 0;       // keys before attention's first query
    bool misaligned = false;  // every tensor begins four bytes after an aligned address
};

struct KernelCase {
    std::string kernel, detail;   // "matmul", "bf16 [37, 72] x [53, 72]"
    double operations, bytes;     // the minimum of the kernel, for comparison with peaks
    std::vector<Tensor> outputs;  // written, or added to
    std::function<void(const Kernels&)> run;
};

// Cases of every kernel accepted by `filter` (empty: all). Inputs and initial outputs are the same in each call and in
// every memory. Random values repeat after 65,536.
std::vector<KernelCase> kernel_cases(const CaseSizes& sizes, Arena& memory,
                                     const std::function<bool(std::string_view)>& filter = {});

}  // namespace puna
