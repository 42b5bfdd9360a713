// model/convert_tensor.h — a tensor of any dtype in another one.
//
//   convert_tensor(kernels, to, from, scratch);
#pragma once
#include "kernels/arena.h"

namespace puna {

// to: f32, f16 or bf16, of as many elements as `from`, which may be of a block type. scratch: for what is dequantized
// on the way; the caller rewinds it, after synchronize.
void convert_tensor(const Kernels& kernels, Tensor to, Tensor from, Arena& scratch);

}  // namespace puna
