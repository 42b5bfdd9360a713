// core/blocks.h — layouts of the block types: quantized elements that share scales.
//
//   const BlockQ8_0* block = blocks<BlockQ8_0>(w, 3);                    // those of row 3; checked against w.dtype
//   float x = static_cast<float>(block->d) * block->q[0];
//
//   with_block(w.dtype, [&]<class Block>() { count = Block::size; });    // dispatches to the struct of a block type
//
// Little-endian, as in GGUF files. What the numbers mean is stated here: q is the integer of an element, x its value.
// kernels/kernels.h has `dequantize` and `quantize`. Source: ggml, ggml-common.h and ggml-quants.c.
#pragma once
#include "core/tensor.h"

#include <cstddef>
#include <cstdint>

namespace puna {

template <Dtype type>
struct BlockOf {
    static constexpr Dtype dtype = type;
    static constexpr int size = static_cast<int>(info(type).block);
};

// Blocks of 32 elements.

// x[i] = d * q[i]
struct BlockQ8_0 : BlockOf<Dtype::q8_0> {
    f16 d;
    int8_t q[32];
};

// x[i] = d * (q - 8). The low nibble of `low`[i] is element i, the high one element i + 16.
struct BlockQ4_0 : BlockOf<Dtype::q4_0> {
    f16 d;
    uint8_t low[16];
};

// x[i] = d * q + m, nibbles as in Q4_0
struct BlockQ4_1 : BlockOf<Dtype::q4_1> {
    f16 d, m;
    uint8_t low[16];
};

// x[i] = d * (q - 16), q of five bits: nibbles as in Q4_0, and bit i of `high` for element i.
struct BlockQ5_0 : BlockOf<Dtype::q5_0> {
    f16 d;
    uint8_t high[4];
    uint8_t low[16];
};

// x[i] = d * q + m, bits as in Q5_0
struct BlockQ5_1 : BlockOf<Dtype::q5_1> {
    f16 d, m;
    uint8_t high[4];
    uint8_t low[16];
};

// x[i] = d * iq4_values[q], nibbles as in Q4_0
struct BlockIQ4_NL : BlockOf<Dtype::iq4_nl> {
    f16 d;
    uint8_t low[16];
};
inline constexpr int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// Blocks of 256 elements in groups of 16 or 32 with scales of their own, which are integers too. A plane of bits: byte
// l of 32 has the bits of the elements l, l + 32, l + 64, ... of the part of the block that it belongs to, from the
// lowest bits up.

// x[i] = d * scale[i / 16] * q - m * minimum[i / 16], the low and the high nibbles of `scale`. q of two bits: a plane
// for each half of 128 elements.
struct BlockQ2_K : BlockOf<Dtype::q2_K> {
    uint8_t scale[16];
    uint8_t low[64];
    f16 d, m;
};

// x[i] = d * (scale[i / 16] - 32) * (q - 4), q of three bits: two as in Q2_K, and the third in a plane for the whole
// block. Scales of six bits: the low four of scale j in byte j % 8 of `scale`, the low nibble if j < 8; the others in
// byte 8 + j % 4 from bit 2 * (j / 4) on.
struct BlockQ3_K : BlockOf<Dtype::q3_K> {
    uint8_t high[32];
    uint8_t low[64];
    uint8_t scale[12];
    f16 d;
};

// x[i] = d * scale[i / 32] * q - m * minimum[i / 32]. q of four bits: a plane for each 64 elements. Scales and minima
// of six bits: the low six bits of byte j of `scale` are scale j if j < 4, and minimum j - 4 if j < 8. Byte j + 4 has
// the low four bits of scale j in its low nibble and those of minimum j in the high one if j > 3; their high two are
// those of bytes j - 4 and j.
struct BlockQ4_K : BlockOf<Dtype::q4_K> {
    f16 d, m;
    uint8_t scale[12];
    uint8_t low[128];
};

// The same with q of five bits: the fifth in a plane for the whole block.
struct BlockQ5_K : BlockOf<Dtype::q5_K> {
    f16 d, m;
    uint8_t scale[12];
    uint8_t high[32];
    uint8_t low[128];
};

// x[i] = d * scale[i / 16] * (q - 32), q of six bits: four in `low`, two in `high`, a plane for each half of 128
// elements. In a half, the low nibbles of the 64 bytes of `low` are elements 0 to 63, the high nibbles 64 to 127.
struct BlockQ6_K : BlockOf<Dtype::q6_K> {
    uint8_t low[128];
    uint8_t high[64];
    int8_t scale[16];
    f16 d;
};

// x[i] = d * (scale[i / 32] - 32) * iq4_values[q]. Nibbles: those of Q4_0 for each 32 elements. Scales of six bits:
// nibble j of `scale_low`, bits 2 * j and 2 * j + 1 of `scale_high`.
struct BlockIQ4_XS : BlockOf<Dtype::iq4_xs> {
    f16 d;
    uint16_t scale_high;
    uint8_t scale_low[4];
    uint8_t low[128];
};

// Blocks of 256 elements in which one number stands for the magnitudes of eight or four neighbors: an index into a
// grid (kernels/cpu/grids.h). Their signs are one bit each, set if negative. Of eight signs that are stored in seven
// bits the last one makes the number of negative elements even.

// x[i] = d / 8 * (2 * scale + 1) * grid value. Each 32 elements have four `index` bytes and a number of 32 bits: four
// times seven signs, then the scale of four bits.
struct BlockIQ2_XXS : BlockOf<Dtype::iq2_xxs> {
    f16 d;
    struct {
        uint8_t index[4], signs[4];
    } part[8];
};

// x[i] = d / 8 * (2 * scale + 1) * grid value. Eight elements: an index of nine bits, then seven signs. Nibble i / 16
// of `scale`.
struct BlockIQ2_XS : BlockOf<Dtype::iq2_xs> {
    f16 d;
    uint16_t index[32];
    uint8_t scale[8];
};

// The same with an index of ten bits, the high two in bits 2 * (j % 4) of index_high[j / 4], and all eight signs.
struct BlockIQ2_S : BlockOf<Dtype::iq2_s> {
    f16 d;
    uint8_t index[32], signs[32], index_high[8], scale[8];
};

// x[i] = d / 4 * (2 * scale + 1) * grid value. Each four elements have an index; each 32 a number of 32 bits in `signs`
// as in IQ2_XXS.
struct BlockIQ3_XXS : BlockOf<Dtype::iq3_xxs> {
    f16 d;
    uint8_t index[64], signs[32];
};

// x[i] = d * (2 * scale + 1) * grid value. Each four elements have an index of nine bits, the high one in bit j % 8 of
// index_high[j / 8]; each 32 a nibble of `scale`.
struct BlockIQ3_S : BlockOf<Dtype::iq3_s> {
    f16 d;
    uint8_t index[64], index_high[8], signs[32], scale[4];
};

template <class Block>
inline constexpr bool matches_dtype = sizeof(Block) == info(Block::dtype).block_bytes && alignof(Block) <= alignof(f16);

// Calls f.operator()<Block>() with the struct of a block type; any other dtype is a Bug.
template <class Block, class... Others, class F>
auto with_block_among(Dtype dtype, F& f) {
    static_assert(matches_dtype<Block>);
    if (dtype == Block::dtype) return f.template operator()<Block>();
    if constexpr (sizeof...(Others) > 0) return with_block_among<Others...>(dtype, f);
    throw_bug(fmt::format("with_block: {} is not a block type", info(dtype).name));
}
template <class F>
auto with_block(Dtype dtype, F f) {
    return with_block_among<BlockQ8_0, BlockQ4_0, BlockQ4_1, BlockQ5_0, BlockQ5_1, BlockIQ4_NL, BlockQ2_K, BlockQ3_K,
                            BlockQ4_K, BlockQ5_K, BlockQ6_K, BlockIQ4_XS, BlockIQ2_XXS, BlockIQ2_XS, BlockIQ2_S,
                            BlockIQ3_XXS, BlockIQ3_S>(dtype, f);
}

// The blocks of row r.
template <class Block>
Block* blocks(const Tensor& x, int64_t r) {
    check(x.dtype == Block::dtype, "tensor of {} accessed as {}", info(x.dtype).name, info(Block::dtype).name);
    return reinterpret_cast<Block*>(static_cast<std::byte*>(x.data) + r * x.row_bytes());
}

}  // namespace puna
