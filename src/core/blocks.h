// core/blocks.h — layouts of the block types: quantized elements that share scales.
//
//   const BlockQ8_0* block = blocks<BlockQ8_0>(w, 3);                    // those of row 3; checked against w.dtype
//   float x = static_cast<float>(block->d) * block->q[0];
//
//   with_block(w.dtype, [&]<class Block>() { count = Block::size; });    // dispatches to the struct of a block type
//
// Little-endian, as in GGUF files. What the numbers mean is stated here; kernels/kernels.h has `dequantize`. Source:
// ggml, ggml-common.h and ggml-quants.c.
#pragma once
#include "core/tensor.h"

#include <cstddef>
#include <cstdint>

namespace puna {

// x[i] = d * q[i]
struct BlockQ8_0 {
    static constexpr Dtype dtype = Dtype::q8_0;
    static constexpr int size = 32;
    f16 d;
    int8_t q[size];
};

// x[i] = d * (nibble - 8): the low nibble of q[i] is element i, the high one element i + 16.
struct BlockQ4_0 {
    static constexpr Dtype dtype = Dtype::q4_0;
    static constexpr int size = 32;
    f16 d;
    uint8_t q[size / 2];
};

// x[i] = d * scale[i / 16] * (q - 32), q of six bits: four in `low`, two in `high`. Each half of 128 elements has 64
// bytes of `low` and 32 of `high`. In a half, byte l of `high` has the bits of the elements l, l + 32, l + 64 and l +
// 96 from the lowest up; the low nibbles of `low` are elements 0 to 63, the high nibbles 64 to 127.
struct BlockQ6_K {
    static constexpr Dtype dtype = Dtype::q6_K;
    static constexpr int size = 256;
    uint8_t low[size / 2];
    uint8_t high[size / 4];
    int8_t scale[size / 16];
    f16 d;
};

template <class Block>
inline constexpr bool matches_dtype = Block::size == info(Block::dtype).block &&
                                      sizeof(Block) == info(Block::dtype).block_bytes && alignof(Block) <= alignof(f16);
static_assert(matches_dtype<BlockQ8_0> && matches_dtype<BlockQ4_0> && matches_dtype<BlockQ6_K>);

// Calls f.operator()<Block>() with the struct of a block type; any other dtype is a Bug.
template <class F>
auto with_block(Dtype dtype, F f) {
    switch (dtype) {
        case Dtype::q8_0:
            return f.template operator()<BlockQ8_0>();
        case Dtype::q4_0:
            return f.template operator()<BlockQ4_0>();
        case Dtype::q6_K:
            return f.template operator()<BlockQ6_K>();
        default:
            throw_bug(fmt::format("with_block: {} is not a block type", info(dtype).name));
    }
}

// The blocks of row r.
template <class Block>
Block* blocks(const Tensor& x, int64_t r) {
    check(x.dtype == Block::dtype, "tensor of {} accessed as {}", info(x.dtype).name, info(Block::dtype).name);
    return reinterpret_cast<Block*>(static_cast<std::byte*>(x.data) + r * x.row_bytes());
}

}  // namespace puna
