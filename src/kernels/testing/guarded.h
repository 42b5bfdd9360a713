// kernels/testing/guarded.h — for tests: kernels that compute as `scalar`, with memory that only they can access, as on
// a device. Any other access faults. Nor do they read mapped files: what `convert` is given must be copied first.
//
//   Llama llama = load_llama(guarded_kernels(), folder, {});
#pragma once
#include "kernels/kernels.h"

namespace puna {

const Kernels& guarded_kernels();

}  // namespace puna
