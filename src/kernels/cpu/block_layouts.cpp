// The layouts of core/blocks.h, each written once for both directions: `move` copies a number from its bits if it is a
// Reader, into them if it is a Writer.
#include "core/blocks.h"
#include "kernels/cpu/grids.h"
#include "kernels/cpu/unpacked.h"

#include <algorithm>
#include <bit>

namespace puna {

namespace {

struct Bits {
    uint8_t& byte;
    int shift, width;
};

// The bits of element i in planes: in each part of `stride` bytes, byte l has those of the elements l, l + stride, ...
// from the lowest bits up.
template <int stride, int width>
Bits plane(uint8_t* bytes, int i) {
    constexpr int elements = stride * 8 / width;
    return {bytes[i / elements * stride + i % stride], i % elements / stride * width, width};
}
Bits whole(uint8_t& byte) { return {byte, 0, 8}; }

struct Reader {
    static constexpr bool reads = true;
    // number = the bits, the first ones lowest, + offset
    template <class T, class... Parts>
    void operator()(T& number, int offset, Parts... parts) const {
        int code = 0, at = 0;
        ((code |= (parts.byte >> parts.shift & ((1 << parts.width) - 1)) << at, at += parts.width), ...);
        number = static_cast<T>(code + offset);
    }
    void operator()(int8_t& number, int8_t& stored) const { number = stored; }
    void operator()(float& number, f16& stored, float factor = 1) const {
        number = static_cast<float>(stored) * factor;
    }
};

struct Writer {
    static constexpr bool reads = false;
    template <class T, class... Parts>
    void operator()(T& number, int offset, Parts... parts) const {
        int code = static_cast<int>(number) - offset, at = 0;
        ((parts.byte = static_cast<uint8_t>(parts.byte | (code >> at & ((1 << parts.width) - 1)) << parts.shift),
          at += parts.width),
         ...);
    }
    void operator()(int8_t& number, int8_t& stored) const { stored = number; }
    void operator()(float& number, f16& stored, float factor = 1) const { stored = f16(number / factor); }
};

// Blocks of 32, with one scale.

void one_scale(UnpackedBlock& n) { n.scale[0] = n.scale[1] = 1; }

template <class Move>
void minimum(Move move, f16& m, UnpackedBlock& n) {
    move(n.m, m, -1);
    n.minimum[0] = n.minimum[1] = 1;
}

template <class Move>
void iq4_element(Move move, int8_t& value, Bits bits) {
    int index = static_cast<int>(std::lower_bound(iq4_values, iq4_values + 15, value) - iq4_values);
    move(index, 0, bits);
    value = iq4_values[index];
}

template <class Move>
void layout(Move move, BlockQ8_0& b, UnpackedBlock& n) {
    move(n.d, b.d);
    one_scale(n);
    for (int i = 0; i < 32; ++i) move(n.q[i], b.q[i]);
}

template <class Move>
void layout(Move move, BlockQ4_0& b, UnpackedBlock& n) {
    move(n.d, b.d);
    one_scale(n);
    for (int i = 0; i < 32; ++i) move(n.q[i], -8, plane<16, 4>(b.low, i));
}

template <class Move>
void layout(Move move, BlockQ4_1& b, UnpackedBlock& n) {
    move(n.d, b.d);
    one_scale(n);
    minimum(move, b.m, n);
    for (int i = 0; i < 32; ++i) move(n.q[i], 0, plane<16, 4>(b.low, i));
}

template <class Move>
void layout(Move move, BlockQ5_0& b, UnpackedBlock& n) {
    move(n.d, b.d);
    one_scale(n);
    for (int i = 0; i < 32; ++i) move(n.q[i], -16, plane<16, 4>(b.low, i), Bits{b.high[i / 8], i % 8, 1});
}

template <class Move>
void layout(Move move, BlockQ5_1& b, UnpackedBlock& n) {
    move(n.d, b.d);
    one_scale(n);
    minimum(move, b.m, n);
    for (int i = 0; i < 32; ++i) move(n.q[i], 0, plane<16, 4>(b.low, i), Bits{b.high[i / 8], i % 8, 1});
}

template <class Move>
void layout(Move move, BlockIQ4_NL& b, UnpackedBlock& n) {
    move(n.d, b.d);
    one_scale(n);
    for (int i = 0; i < 32; ++i) iq4_element(move, n.q[i], plane<16, 4>(b.low, i));
}

// Blocks of 256 whose groups have scales.

template <class Move>
void layout(Move move, BlockQ2_K& b, UnpackedBlock& n) {
    move(n.d, b.d);
    move(n.m, b.m);
    for (int j = 0; j < 16; ++j) {
        move(n.scale[j], 0, Bits{b.scale[j], 0, 4});
        move(n.minimum[j], 0, Bits{b.scale[j], 4, 4});
    }
    for (int i = 0; i < 256; ++i) move(n.q[i], 0, plane<32, 2>(b.low, i));
}

template <class Move>
void layout(Move move, BlockQ3_K& b, UnpackedBlock& n) {
    move(n.d, b.d);
    for (int j = 0; j < 16; ++j) move(n.scale[j], -32, plane<8, 4>(b.scale, j), plane<4, 2>(b.scale + 8, j));
    for (int i = 0; i < 256; ++i) move(n.q[i], -4, plane<32, 2>(b.low, i), plane<32, 1>(b.high, i));
}

// The scales and minima of Q4_K and Q5_K: each for two groups of 16.
template <class Move>
void scales_of_32(Move move, uint8_t* bytes, UnpackedBlock& n) {
    for (int j = 0; j < 8; ++j) {
        int8_t& scale = n.scale[2 * j];
        uint8_t& least = n.minimum[2 * j];
        if (j < 4) {
            move(scale, 0, Bits{bytes[j], 0, 6});
            move(least, 0, Bits{bytes[j + 4], 0, 6});
        } else {
            move(scale, 0, Bits{bytes[j + 4], 0, 4}, Bits{bytes[j - 4], 6, 2});
            move(least, 0, Bits{bytes[j + 4], 4, 4}, Bits{bytes[j], 6, 2});
        }
        n.scale[2 * j + 1] = scale;
        n.minimum[2 * j + 1] = least;
    }
}

template <class Move>
void layout(Move move, BlockQ4_K& b, UnpackedBlock& n) {
    move(n.d, b.d);
    move(n.m, b.m);
    scales_of_32(move, b.scale, n);
    for (int i = 0; i < 256; ++i) move(n.q[i], 0, plane<32, 4>(b.low, i));
}

template <class Move>
void layout(Move move, BlockQ5_K& b, UnpackedBlock& n) {
    move(n.d, b.d);
    move(n.m, b.m);
    scales_of_32(move, b.scale, n);
    for (int i = 0; i < 256; ++i) move(n.q[i], 0, plane<32, 4>(b.low, i), plane<32, 1>(b.high, i));
}

template <class Move>
void layout(Move move, BlockQ6_K& b, UnpackedBlock& n) {
    move(n.d, b.d);
    for (int j = 0; j < 16; ++j) move(n.scale[j], b.scale[j]);
    for (int i = 0; i < 256; ++i) move(n.q[i], -32, plane<64, 4>(b.low, i), plane<32, 2>(b.high, i));
}

template <class Move>
void layout(Move move, BlockIQ4_XS& b, UnpackedBlock& n) {
    move(n.d, b.d);
    auto* high = reinterpret_cast<uint8_t*>(&b.scale_high);
    for (int j = 0; j < 8; ++j) {
        move(n.scale[2 * j], -32, Bits{b.scale_low[j / 2], 4 * (j % 2), 4}, Bits{high[j / 4], 2 * (j % 4), 2});
        n.scale[2 * j + 1] = n.scale[2 * j];
    }
    for (int i = 0; i < 256; ++i) iq4_element(move, n.q[i], plane<16, 4>(b.low, i));
}

// Blocks of 256 with grids. A scale is an odd number.

// The scale of `groups` groups of 16.
template <class Move>
void odd_scale(Move move, int8_t* scale, int groups, Bits bits) {
    int half = scale[0] / 2;
    move(half, 0, bits);
    std::fill_n(scale, groups, static_cast<int8_t>(2 * half + 1));
}

// The magnitudes of neighbors, whose index is in `bits`; q keeps its signs if it is written.
template <class Move, class... Parts>
void magnitudes(Move move, const Grid& grid, int8_t* q, Parts... bits) {
    uint8_t values[8];
    std::transform(q, q + grid.dimensions(), values, [](int8_t x) { return static_cast<uint8_t>(std::abs(x)); });
    int index = Move::reads ? 0 : grid.index_of(values);
    check(index >= 0, "magnitudes that are not in the grid");
    move(index, 0, bits...);
    if (Move::reads) std::copy_n(grid.point(index), grid.dimensions(), q);
}

// The signs of eight elements, in eight bits or in seven. They are read after the magnitudes.
template <class Move, class... Parts>
void signs(Move move, int8_t* q, Parts... bits) {
    bool all = (0 + ... + bits.width) == 8;
    unsigned negative = 0;
    for (int i = 0; i < 8 && !Move::reads; ++i) negative |= static_cast<unsigned>(q[i] < 0) << i;
    check(all || std::popcount(negative) % 2 == 0, "an odd number of negative elements");
    move(negative, 0, bits...);
    if (!all) negative |= static_cast<unsigned>(std::popcount(negative) % 2) << 7;
    for (int i = 0; i < 8 && Move::reads; ++i)
        if (negative >> i & 1) q[i] = static_cast<int8_t>(-q[i]);
}

// In seven bits, from bit 7 * j of 32 on.
template <class Move>
void seven_signs(Move move, int8_t* q, uint8_t* bytes, int j) {
    int shift = 7 * j % 8, width = std::min(7, 8 - shift);
    signs(move, q, Bits{bytes[7 * j / 8], shift, width}, Bits{bytes[(7 * j + 6) / 8], 0, 7 - width});
}

template <class Move>
void layout(Move move, BlockIQ2_XXS& b, UnpackedBlock& n) {
    move(n.d, b.d, 0.125f);
    for (int p = 0; p < 8; ++p) {
        odd_scale(move, &n.scale[2 * p], 2, {b.part[p].signs[3], 4, 4});
        for (int j = 0; j < 4; ++j) {
            int8_t* q = &n.q[32 * p + 8 * j];
            magnitudes(move, iq2_xxs_grid(), q, whole(b.part[p].index[j]));
            seven_signs(move, q, b.part[p].signs, j);
        }
    }
}

template <class Move>
void layout(Move move, BlockIQ2_XS& b, UnpackedBlock& n) {
    move(n.d, b.d, 0.125f);
    for (int j = 0; j < 16; ++j) odd_scale(move, &n.scale[j], 1, plane<1, 4>(b.scale, j));
    auto* bytes = reinterpret_cast<uint8_t*>(b.index);
    for (int j = 0; j < 32; ++j) {
        magnitudes(move, iq2_xs_grid(), &n.q[8 * j], whole(bytes[2 * j]), Bits{bytes[2 * j + 1], 0, 1});
        signs(move, &n.q[8 * j], Bits{bytes[2 * j + 1], 1, 7});
    }
}

template <class Move>
void layout(Move move, BlockIQ2_S& b, UnpackedBlock& n) {
    move(n.d, b.d, 0.125f);
    for (int j = 0; j < 16; ++j) odd_scale(move, &n.scale[j], 1, plane<1, 4>(b.scale, j));
    for (int j = 0; j < 32; ++j) {
        magnitudes(move, iq2_s_grid(), &n.q[8 * j], whole(b.index[j]), plane<1, 2>(b.index_high, j));
        signs(move, &n.q[8 * j], whole(b.signs[j]));
    }
}

template <class Move>
void layout(Move move, BlockIQ3_XXS& b, UnpackedBlock& n) {
    move(n.d, b.d, 0.25f);
    for (int p = 0; p < 8; ++p) odd_scale(move, &n.scale[2 * p], 2, {b.signs[4 * p + 3], 4, 4});
    for (int j = 0; j < 64; ++j) magnitudes(move, iq3_xxs_grid(), &n.q[4 * j], whole(b.index[j]));
    for (int j = 0; j < 32; ++j) seven_signs(move, &n.q[8 * j], b.signs + j / 4 * 4, j % 4);
}

template <class Move>
void layout(Move move, BlockIQ3_S& b, UnpackedBlock& n) {
    move(n.d, b.d);
    for (int p = 0; p < 8; ++p) odd_scale(move, &n.scale[2 * p], 2, plane<1, 4>(b.scale, p));
    for (int j = 0; j < 64; ++j)
        magnitudes(move, iq3_s_grid(), &n.q[4 * j], whole(b.index[j]), plane<1, 1>(b.index_high, j));
    for (int j = 0; j < 32; ++j) signs(move, &n.q[8 * j], whole(b.signs[j]));
}

}  // namespace

UnpackedBlock unpack_block(Dtype dtype, const void* block) {
    UnpackedBlock numbers;
    with_block(dtype, [&]<class Block>() {
        Block copy = *static_cast<const Block*>(block);
        layout(Reader(), copy, numbers);
    });
    return numbers;
}

void pack_block(void* block, Dtype dtype, const UnpackedBlock& numbers) {
    with_block(dtype, [&]<class Block>() {
        UnpackedBlock copy = numbers;
        Block packed{};
        layout(Writer(), packed, copy);
        *static_cast<Block*>(block) = packed;
    });
}

}  // namespace puna
