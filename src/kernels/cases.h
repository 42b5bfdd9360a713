// kernels/cases.h — one table of kernel calls on random numbers: tests compare each table of kernels with `scalar` on
// them, and `puna bench kernels` times them.
//
//   for (KernelCase& c : kernel_cases(CaseSizes{.tokens = 37}, memory)) c.run(kernels);
#pragma once
#include "core/arena.h"
#include "kernels/kernels.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct CaseSizes {
    int64_t tokens = 37, dim = 72, out = 53, heads = 6, kv_heads = 2, head_dim = 20, ffn = 85, vocabulary = 131;
    int64_t cached = 0;       // keys that attention finds before its queries
    bool misaligned = false;  // every tensor begins four bytes past where it would
};

struct KernelCase {
    std::string kernel, detail;   // "matmul", "bf16 [37, 72] x [53, 72]"
    double operations, bytes;     // that it cannot do without: bounds for benches
    std::vector<Tensor> outputs;  // what it writes; also read by kernels that add to them
    std::function<void(const Kernels&)> run;
};

// Cases of every kernel of the table that `wanted` (empty: all) says yes to; inputs, and what outputs hold before, are
// the same at each call. Random numbers repeat after 65,536.
std::vector<KernelCase> kernel_cases(const CaseSizes& sizes, Arena& memory,
                                     const std::function<bool(std::string_view)>& wanted = {});

}  // namespace puna
