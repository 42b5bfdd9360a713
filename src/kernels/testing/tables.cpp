// The vector kernels in portable loops, one table for each number of lanes, for tests.
#include "kernels/testing/tables.h"

#include "core/blocks.h"
#include "core/checked.h"
#include "core/threads.h"
#include "kernels/cpu/grids.h"
#include "kernels/cpu/scalar.h"
#include "kernels/cpu/scratch.h"
#include "kernels/cpu/tables.h"
#include "kernels/cpu/unpacked.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#define PUNA_LANES 4
namespace puna::portable4 {
namespace {
// The order of these includes matters.
// clang-format off
#include "kernels/cpu/vec_portable.h"
#include "kernels/cpu/fast.inl"
// clang-format on
}  // namespace
}  // namespace puna::portable4
#undef PUNA_LANES

#define PUNA_LANES 8
namespace puna::portable8 {
namespace {
// clang-format off
#include "kernels/cpu/vec_portable.h"
#include "kernels/cpu/fast.inl"
// clang-format on
}  // namespace
}  // namespace puna::portable8
#undef PUNA_LANES

#define PUNA_LANES 16
namespace puna::portable16 {
namespace {
// clang-format off
#include "kernels/cpu/vec_portable.h"
#include "kernels/cpu/fast.inl"
#include "kernels/cpu/bf16_operand.inl"
// clang-format on
}  // namespace
}  // namespace puna::portable16
#undef PUNA_LANES

namespace puna {

namespace {

Kernels make_table(std::string_view name, void (*use)(Kernels& table)) {
    Kernels table = scalar_kernels;
    table.name = name;
    use(table);
    return table;
}

void use_bf16_pairs(Kernels& table) {
    portable16::use_fast(table);
    portable16::use_bf16_products<portable16::Bf16PairOperand>(table);
}

}  // namespace

std::vector<const Kernels*> portable_tables() {
    static const Kernels four = make_table("portable4", portable4::use_fast),
                         eight = make_table("portable8", portable8::use_fast),
                         sixteen = make_table("portable16", portable16::use_fast),
                         pairs = make_table("portable16,bf16", use_bf16_pairs);
    return {&four, &eight, &sixteen, &pairs};
}

std::vector<const Kernels*> test_tables() {
    std::vector<const Kernels*> list(available_kernels().begin(), available_kernels().end());
    list.insert(list.end(), restricted_kernels().begin(), restricted_kernels().end());
    for (const Kernels* table : portable_tables()) list.push_back(table);
    return list;
}

}  // namespace puna
