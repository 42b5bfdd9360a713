// kernels/cpu/unpacked.h — the numbers of a block, of whatever block type, out of its layout and back into it.
//
//   UnpackedBlock numbers = unpack_block(Dtype::q4_K, block);
//   pack_block(block, Dtype::q4_K, numbers);
//
// The elements are x[i] = d * scale[i / 16] * q[i] - m * minimum[i / 16]. Every product is exact in f32: d and m have
// at most 11 significant bits, a scale 8, q 7 (where both have so many, the other has fewer).
#pragma once
#include "core/dtype.h"

#include <cstdint>

namespace puna {

struct UnpackedBlock {
    float d = 0, m = 0;  // f16 values; those of IQ2 and IQ3 times a power of two
    int8_t scale[16] = {};
    uint8_t minimum[16] = {};
    int8_t q[256] = {};  // of IQ4 the value that the nibble stands for, of IQ2 and IQ3 the signed grid value
};

UnpackedBlock unpack_block(Dtype dtype, const void* block);

// The numbers must be ones that the type can hold, otherwise it is a Bug: magnitudes of its grid, and of eight elements
// whose signs it stores in seven bits an even number of negative ones. Scales and elements must be in its range.
void pack_block(void* block, Dtype dtype, const UnpackedBlock& numbers);

}  // namespace puna
