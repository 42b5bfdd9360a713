// Stands where the build has no CUDA.
#include "kernels/cpu/tables.h"

namespace puna {

const Kernels* cuda_table() { return nullptr; }
const Kernels* cuda_kernels() { return nullptr; }

}  // namespace puna
