// Replaces the CUDA sources in builds without CUDA.
#include "kernels/cpu/tables.h"

namespace puna {

const Kernels* cuda_table() { return nullptr; }
const Kernels* cuda_kernels() { return nullptr; }

}  // namespace puna
