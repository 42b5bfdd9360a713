// kernels/cpu/panels.h — matrices in panels (core/tensor.h), for every dtype: packing, unpacking, and single rows.
//
//   cpu::read_row(bytes, w, 7);                          // row 7 of a matrix of either layout
#pragma once
#include "kernels/kernels.h"

#include <cstddef>
#include <cstdint>

namespace puna::cpu {

// The same matrix in the other layout.
void pack(Stream, Tensor panels, Tensor rows);
void unpack(Stream, Tensor rows, Tensor panels);

// Row r, w.row_bytes() bytes; of a block type its `count` blocks from `first` on.
void read_row(void* to, const Tensor& w, int64_t r);
void read_blocks(void* to, const Tensor& w, int64_t r, int64_t first, int64_t count);

}  // namespace puna::cpu
