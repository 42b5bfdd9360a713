// kernels/testing/tables.h — for tests: every kernel table that can be tested on this machine.
//
//   for (const Kernels* table : test_tables()) expect_something(*table);
//
// These are available_kernels(), restricted_kernels(), and the vector kernels in portable loops of 4, 8 and 16 lanes,
// so that layouts, tails and packing of all instruction sets are tested on every machine.
#pragma once
#include "kernels/kernels.h"

#include <vector>

namespace puna {

std::vector<const Kernels*> test_tables();
// "portable4", "portable8", "portable16", and with products of bf16 pairs "portable16,bf16".
std::vector<const Kernels*> portable_tables();
inline bool is_portable(const Kernels& table) { return table.name.starts_with("portable"); }
// Plain loops: tests that repeat the same work with many sizes or threads give these tables fewer of them.
inline bool is_slow(const Kernels& table) { return is_portable(table) || table.name == "scalar"; }

inline std::vector<std::byte> contents_of(const Tensor& x) {
    const std::byte* p = static_cast<const std::byte*>(x.data);
    return {p, p + x.bytes()};
}

}  // namespace puna
