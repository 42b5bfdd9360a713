// kernels/testing/tables.h — for tests: every table of kernels that can be tested here.
//
//   for (const Kernels* table : test_tables()) expect_something(*table);
//
// Those of available_kernels() and of restricted_kernels(), and the vector kernels in portable loops of 4, 8 and 16
// lanes: so the layouts, tails and packing of every instruction set are tested on every machine.
#pragma once
#include "kernels/kernels.h"

#include <vector>

namespace puna {

std::vector<const Kernels*> test_tables();
// "portable4", "portable8" and "portable16", and with the products of bf16 pairs "portable16,bf16".
std::vector<const Kernels*> portable_tables();
inline bool is_portable(const Kernels& table) { return table.name.starts_with("portable"); }  // and slow

}  // namespace puna
