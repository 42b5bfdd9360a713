// The source of the vector tables, with one lane.
#include "core/blocks.h"
#include "core/checked.h"
#include "core/threads.h"
#include "kernels/cpu/grids.h"
#include "kernels/cpu/scalar.h"
#include "kernels/cpu/unpacked.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#define PUNA_LANES 1
namespace puna::portable1 {
namespace {
// The order of these includes matters.
// clang-format off
#include "kernels/cpu/vec_portable.h"
#include "kernels/cpu/lanes.inl"
#include "kernels/cpu/quantize.inl"
#include "kernels/cpu/quantize_grids.inl"
#include "kernels/cpu/quantize_blocks.inl"
// clang-format on
}  // namespace
}  // namespace puna::portable1
#undef PUNA_LANES

void puna::scalar::quantize(Stream stream, Tensor out, Tensor x, Tensor importance) {
    portable1::quantize(stream, out, x, importance);
}
