// kernels/test_tables.h — for tests: every table of kernels that this machine can run.
//
//   for (const Kernels* table : test_tables()) expect_something(*table);
//
// Those of available_kernels(), and those of restricted_kernels().
#pragma once
#include "kernels/kernels.h"

#include <vector>

namespace puna {

inline const std::vector<const Kernels*>& test_tables() {
    static const std::vector<const Kernels*> tables = [] {
        std::vector<const Kernels*> list(available_kernels().begin(), available_kernels().end());
        list.insert(list.end(), restricted_kernels().begin(), restricted_kernels().end());
        return list;
    }();
    return tables;
}

}  // namespace puna
