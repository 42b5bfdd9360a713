#include "model/convert_tensor.h"

namespace puna {

void convert_tensor(const Kernels& kernels, Tensor to, Tensor from, Arena& scratch) {
    if (!is_block_type(from.dtype)) return kernels.convert({}, to, from);
    if (to.dtype == Dtype::f32) return kernels.dequantize({}, to, from);
    Tensor values = scratch.tensor(Dtype::f32, {from.count()});
    kernels.dequantize({}, values, from);
    kernels.convert({}, to, values);
}

}  // namespace puna
