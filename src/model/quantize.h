// model/quantize.h — weights into the dtype of a file.
//
//   quantize_weight(kernels, "blk.0.attn_q.weight", out, stored, importance, scratch);  // out: [rows, columns] of any dtype
//
// Which dtype each weight gets: model/quantization_mix.h. Weights that are quantized already may be quantized again.
#pragma once
#include "kernels/arena.h"

#include <string_view>

namespace puna {

// out: a weight, or some rows of it, of a block type, f32, f16 or bf16, in memory of the kernels' table; x: the same
// rows, of any such dtype, in its memory or in mapped files that it can read. importance: as of Kernels::quantize.
// Throws Error (damaged) with the name if x has a value that is not finite or larger than out's dtype can
// store. Computes in pieces: x is never converted to f32 as a whole. scratch: of the same table, left as it was.
void quantize_weight(const Kernels& kernels, std::string_view name, Tensor out, Tensor x, Tensor importance,
                     Arena& scratch);

}  // namespace puna
