// kernels/test_tables.h — for tests: every table of kernels that this machine can run.
//
//   for (const Kernels* table : test_tables()) expect_something(*table);
//
// Those of available_kernels(), and AVX-512 as Skylake and Ice Lake run it, without the products of bf16 pairs.
#pragma once
#include "kernels/cpu/tables.h"

#include <vector>

namespace puna {

inline const std::vector<const Kernels*>& test_tables() {
    static const std::vector<const Kernels*> tables = [] {
        std::vector<const Kernels*> list(available_kernels().begin(), available_kernels().end());
#if defined(__x86_64__)
        if (find_kernels("avx512")) {
            static Kernels plain = make_avx512_kernels(false);
            plain.name = "avx512 without bf16";
            list.push_back(&plain);
        }
#endif
        return list;
    }();
    return tables;
}

}  // namespace puna
