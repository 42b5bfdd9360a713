#include "kernels/kernels.h"

namespace puna {

const Products& Kernels::products_of(Dtype dtype) const {
    const Products& own = products[dtype];
    if (own.matmul) return own;
    check(is_block_type(dtype) && dequantized.matmul, "{} has no product with {}", name, info(dtype).name);
    return dequantized;
}

}  // namespace puna
