// kernels/cpu/standard.h — all headers of the vector sources, included before their target region opens: an inline
// function of the standard library must not be compiled for an instruction set that the machine may lack.
#pragma once
#include "core/blocks.h"
#include "core/checked.h"
#include "core/threads.h"
#include "kernels/cpu/grids.h"
#include "kernels/cpu/panels.h"
#include "kernels/cpu/scalar.h"
#include "kernels/cpu/scratch.h"
#include "kernels/cpu/tables.h"
#include "kernels/cpu/unpacked.h"

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of its own _mm512_undefined_ps (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

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
