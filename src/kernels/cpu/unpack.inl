// kernels/cpu/unpack.inl — the layouts of core/blocks.h in vectors: one block of each of `lanes` rows, one row in each
// lane. What block_layouts.cpp reads bit by bit is read in pieces of four bytes.
//
//   FloatCodes to{codes, scales, minima};
//   unpack(BlockTag<BlockQ4_K>(), pieces, to);
//
// An unpacking gives d, m, the integers of every group of 16 and those of four neighbors at a time to a receiver, which
// decides in what form they are kept.

// The pieces of the rows' blocks; of blocks of 32 only those of their elements, before which come `words`. `half` are
// two bytes at the beginning or end that are no whole piece, if there are any: an f16.
struct Pieces {
    const float *data, *words;
    int64_t stride;  // floats from a piece of all rows to the next one
    const f16* half;
    I operator[](int64_t i) const { return as_bits(load(data + i * stride)); }
    I word(int64_t i) const { return as_bits(load(words + i * stride)); }
    F value() const { return load(half); }
};
inline F lower_half(I x) { return lower(f16(), as_floats(x)); }
inline F upper_half(I x) { return upper(f16(), as_floats(x)); }

// Receives q as it is, scales and minima as the floats that q is multiplied with and that are subtracted.
struct FloatCodes {
    int32_t* codes;
    float *scales, *minima;
    F d, m;

    void begin(F scale) { d = scale; }
    void begin(F scale, F minimum) { d = scale, m = minimum; }
    // The integer is the first byte of every lane, with its sign; the others do not matter.
    void scale(int group, I s) { store(scales + group * lanes, d * byte_to_floats<0>(s)); }
    void minimum(int group, I s) { store(minima + group * lanes, m * byte_to_floats<0>(s)); }
    void one_scale() {  // of a block of 32: 1
        for (int group = 0; group < 2; ++group) store(scales + group * lanes, d);
    }
    void one_minimum() {
        for (int group = 0; group < 2; ++group) store(minima + group * lanes, m);
    }
    void q(int piece, I four) { store(codes + piece * lanes, four); }
};

// `width` bits from bit `shift` on of every byte, and of every lane.
template <int shift, int width>
inline I byte_bits(I x) {
    return shift_right<shift>(x) & splat(0x01010101u * ((1u << width) - 1));
}
template <int shift, int width>
inline I bits(I x) {
    return shift_right<shift>(x) & splat((1u << width) - 1);
}

// f(piece of q, its bits) for planes of bits, from piece `first` on: in each part of `stride` bytes, byte l has those
// of the elements l, l + stride, ...
template <int stride, int width, int parts, class Each>
inline void planes(const Pieces& p, int first, Each f) {
    constexpr int pieces = stride / 4, in_part = pieces * 8 / width;
    for (int part = 0; part < parts; ++part)
        for (int l = 0; l < pieces; ++l) {
            I word = p[first + part * pieces + l];
            static_for<8 / width>([&](auto s) {
                f(part * in_part + s * pieces + l, byte_bits<value_of<decltype(s)> * width, width>(word));
            });
        }
}

template <class To>
inline void unpack(BlockTag<BlockQ8_0>, const Pieces& p, To& to) {
    to.begin(p.value());
    to.one_scale();
    for (int c = 0; c < 8; ++c) to.q(c, p[c]);
}

template <class To>
inline void unpack(BlockTag<BlockQ4_0>, const Pieces& p, To& to) {
    to.begin(p.value());
    to.one_scale();
    planes<16, 4, 1>(p, 0, [&](int c, I low) { to.q(c, subtract_bytes(low, splat(0x08080808))); });
}

template <class To>
inline void unpack(BlockTag<BlockQ4_1>, const Pieces& p, To& to) {
    to.begin(lower_half(p.word(0)), upper_half(p.word(0)) * broadcast(-1));
    to.one_scale();
    to.one_minimum();
    planes<16, 4, 1>(p, 0, [&](int c, I low) { to.q(c, low); });
}

// Nibbles with a fifth bit each in `high`, that of element i in bit i.
template <class Each>
inline void planes_of_five(const Pieces& p, I high, Each f) {
    static_for<8>([&](auto piece) {
        constexpr int c = value_of<decltype(piece)>;
        f(c, byte_bits<c / 4 * 4, 4>(p[c % 4]) | (mask_bytes(shift_right<4 * c>(high)) & splat(0x10101010)));
    });
}

template <class To>
inline void unpack(BlockTag<BlockQ5_0>, const Pieces& p, To& to) {
    to.begin(p.value());
    to.one_scale();
    planes_of_five(p, p.word(0), [&](int c, I code) { to.q(c, subtract_bytes(code, splat(0x10101010))); });
}

template <class To>
inline void unpack(BlockTag<BlockQ5_1>, const Pieces& p, To& to) {
    to.begin(lower_half(p.word(0)), upper_half(p.word(0)) * broadcast(-1));
    to.one_scale();
    to.one_minimum();
    planes_of_five(p, p.word(1), [&](int c, I code) { to.q(c, code); });
}

template <class To>
inline void unpack(BlockTag<BlockIQ4_NL>, const Pieces& p, To& to) {
    to.begin(p.value());
    to.one_scale();
    planes<16, 4, 1>(p, 0, [&](int c, I low) { to.q(c, lookup_bytes(iq4_values, low)); });
}

template <class To>
inline void unpack(BlockTag<BlockQ2_K>, const Pieces& p, To& to) {
    to.begin(lower_half(p[20]), upper_half(p[20]));
    for (int j = 0; j < 16; j += 4)
        static_for<4>([&](auto i) {
            constexpr int shift = 8 * value_of<decltype(i)>;
            to.scale(j + i, bits<shift, 4>(p[j / 4]));
            to.minimum(j + i, bits<shift + 4, 4>(p[j / 4]));
        });
    planes<32, 2, 2>(p, 4, [&](int c, I low) { to.q(c, low); });
}

template <class To>
inline void unpack(BlockTag<BlockQ3_K>, const Pieces& p, To& to) {
    to.begin(p.value());
    static_for<16>([&](auto group) {
        constexpr int j = value_of<decltype(group)>, shift = 8 * (j % 4);
        I low = bits<shift + j / 8 * 4, 4>(p[24 + j % 8 / 4]), high = bits<shift + j / 4 * 2, 2>(p[26]);
        to.scale(j, subtract_bytes(low | shift_left<4>(high), splat(32)));
    });
    static_for<8>([&](auto plane) {
        constexpr int k = value_of<decltype(plane)>;
        for (int l = 0; l < 8; ++l) {
            I low = byte_bits<k % 4 * 2, 2>(p[8 + k / 4 * 8 + l]), high = byte_bits<k, 1>(p[l]);
            to.q(8 * k + l, subtract_bytes(low | shift_left<2>(high), splat(0x04040404)));
        }
    });
}

// The scales and minima of Q4_K and Q5_K, in pieces 1 to 3: each for two groups of 16.
template <class To>
inline void unpack_scales_of_32(const Pieces& p, To& to) {
    I scales = p[1], minima = p[2], low = p[3];
    static_for<4>([&](auto byte) {
        constexpr int j = value_of<decltype(byte)>, shift = 8 * j;
        I later_scale = bits<shift, 4>(low) | shift_left<4>(bits<shift + 6, 2>(scales)),
          later_minimum = bits<shift + 4, 4>(low) | shift_left<4>(bits<shift + 6, 2>(minima));
        for (int half = 0; half < 2; ++half) {
            to.scale(2 * j + half, bits<shift, 6>(scales));
            to.minimum(2 * j + half, bits<shift, 6>(minima));
            to.scale(8 + 2 * j + half, later_scale);
            to.minimum(8 + 2 * j + half, later_minimum);
        }
    });
}

template <class To>
inline void unpack(BlockTag<BlockQ4_K>, const Pieces& p, To& to) {
    to.begin(lower_half(p[0]), upper_half(p[0]));
    unpack_scales_of_32(p, to);
    planes<32, 4, 4>(p, 4, [&](int c, I low) { to.q(c, low); });
}

template <class To>
inline void unpack(BlockTag<BlockQ5_K>, const Pieces& p, To& to) {
    to.begin(lower_half(p[0]), upper_half(p[0]));
    unpack_scales_of_32(p, to);
    static_for<8>([&](auto plane) {
        constexpr int k = value_of<decltype(plane)>;
        for (int l = 0; l < 8; ++l) {
            I low = byte_bits<k % 2 * 4, 4>(p[12 + k / 2 * 8 + l]), high = byte_bits<k, 1>(p[4 + l]);
            to.q(8 * k + l, low | shift_left<4>(high));
        }
    });
}

template <class To>
inline void unpack(BlockTag<BlockQ6_K>, const Pieces& p, To& to) {
    to.begin(p.value());
    for (int j = 0; j < 16; j += 4)
        static_for<4>([&](auto i) { to.scale(j + i, shift_right<8 * value_of<decltype(i)>>(p[48 + j / 4])); });
    for (int half = 0; half < 2; ++half)
        static_for<4>([&](auto plane) {
            constexpr int k = value_of<decltype(plane)>;
            for (int l = 0; l < 8; ++l) {
                I low = byte_bits<k / 2 * 4, 4>(p[16 * half + k % 2 * 8 + l]),
                  high = byte_bits<2 * k, 2>(p[32 + 8 * half + l]);
                to.q(32 * half + 8 * k + l, subtract_bytes(low | shift_left<4>(high), splat(0x20202020)));
            }
        });
}

template <class To>
inline void unpack(BlockTag<BlockIQ4_XS>, const Pieces& p, To& to) {
    to.begin(lower_half(p[0]));
    static_for<8>([&](auto group) {
        constexpr int j = value_of<decltype(group)>;
        I scale = bits<4 * j, 4>(p[1]) | shift_left<4>(bits<16 + 2 * j, 2>(p[0]));
        for (int half = 0; half < 2; ++half) to.scale(2 * j + half, subtract_bytes(scale, splat(32)));
    });
    planes<16, 4, 8>(p, 2, [&](int c, I low) { to.q(c, lookup_bytes(iq4_values, low)); });
}

// Signs and scales of IQ2 and IQ3.

// Bit 7 of each byte from the seven below: the number of bits is even.
inline I with_parity(I sevens) {
    alignas(16) static constexpr int8_t odd[16] = {0,    -128, -128, 0,    -128, 0,    0,    -128,
                                                   -128, 0,    0,    -128, 0,    -128, -128, 0};
    return sevens | (lookup_bytes(odd, byte_bits<0, 4>(sevens)) ^ lookup_bytes(odd, byte_bits<4, 3>(sevens)));
}
// Four times seven bits of a lane in a byte each.
inline I spread_sevens(I x) {
    return (x & splat(0x7f)) | (shift_left<1>(x) & splat(0x7f00)) | (shift_left<2>(x) & splat(0x7f0000)) |
           (shift_left<3>(x) & splat(0x7f000000));
}
// Bit j of `negative` belongs to byte j, j < 4.
inline I with_signs(I magnitudes, I negative) {
    I mask = mask_bytes(negative);
    return subtract_bytes(magnitudes ^ mask, mask);
}
inline I odd_number(I half) { return shift_left<1>(half) | splat(1); }

// Scales of groups of 16, in nibbles from piece `first` on.
template <class To>
inline void unpack_odd_scales(const Pieces& p, int first, To& to) {
    for (int j = 0; j < 16; j += 8)
        static_for<8>([&](auto nibble) {
            to.scale(j + nibble, odd_number(bits<4 * value_of<decltype(nibble)>, 4>(p[first + j / 8])));
        });
}

template <class To>
inline void unpack(BlockTag<BlockIQ2_XXS>, const Pieces& p, To& to) {
    const int32_t* grid = iq2_xxs_grid().words();
    to.begin(p.value() * broadcast(0.125f));
    for (int part = 0; part < 8; ++part) {
        I index = p[2 * part], last = p[2 * part + 1], negative = with_parity(spread_sevens(last));
        for (int half = 0; half < 2; ++half) to.scale(2 * part + half, odd_number(bits<28, 4>(last)));
        static_for<8>([&](auto piece) {
            constexpr int c = value_of<decltype(piece)>;
            I magnitudes = gather<2>(grid + c % 2, bits<c / 2 * 8, 8>(index));
            to.q(8 * part + c, with_signs(magnitudes, shift_right<4 * c>(negative)));
        });
    }
}

template <class To>
inline void unpack(BlockTag<BlockIQ2_XS>, const Pieces& p, To& to) {
    const int32_t* grid = iq2_xs_grid().words();
    to.begin(p.value() * broadcast(0.125f));
    unpack_odd_scales(p, 16, to);
    for (int pair = 0; pair < 16; ++pair) {
        I both = p[pair], negative = with_parity(bits<9, 7>(both) | shift_left<8>(bits<25, 7>(both)));
        static_for<4>([&](auto piece) {
            constexpr int c = value_of<decltype(piece)>;
            I magnitudes = gather<2>(grid + c % 2, bits<c / 2 * 16, 9>(both));
            to.q(4 * pair + c, with_signs(magnitudes, shift_right<4 * c>(negative)));
        });
    }
}

template <class To>
inline void unpack(BlockTag<BlockIQ2_S>, const Pieces& p, To& to) {
    const int32_t* grid = iq2_s_grid().words();
    to.begin(p.value() * broadcast(0.125f));
    unpack_odd_scales(p, 18, to);
    for (int half = 0; half < 2; ++half)
        static_for<4>([&](auto quarter) {
            constexpr int k = value_of<decltype(quarter)>;
            I index = p[4 * half + k], negative = p[8 + 4 * half + k], high = p[16 + half];
            static_for<8>([&](auto piece) {
                constexpr int c = value_of<decltype(piece)>;
                I place = bits<c / 2 * 8, 8>(index) | shift_left<8>(bits<8 * k + c / 2 * 2, 2>(high));
                to.q(32 * half + 8 * k + c, with_signs(gather<2>(grid + c % 2, place), shift_right<4 * c>(negative)));
            });
        });
}

template <class To>
inline void unpack(BlockTag<BlockIQ3_XXS>, const Pieces& p, To& to) {
    const int32_t* grid = iq3_xxs_grid().words();
    to.begin(p.value() * broadcast(0.25f));
    for (int part = 0; part < 8; ++part) {
        I last = p[16 + part], negative = with_parity(spread_sevens(last));
        for (int half = 0; half < 2; ++half) to.scale(2 * part + half, odd_number(bits<28, 4>(last)));
        static_for<8>([&](auto piece) {
            constexpr int c = value_of<decltype(piece)>;
            I magnitudes = gather<1>(grid, bits<c % 4 * 8, 8>(p[2 * part + c / 4]));
            to.q(8 * part + c, with_signs(magnitudes, shift_right<4 * c>(negative)));
        });
    }
}

template <class To>
inline void unpack(BlockTag<BlockIQ3_S>, const Pieces& p, To& to) {
    const int32_t* grid = iq3_s_grid().words();
    to.begin(p.value());
    for (int half = 0; half < 2; ++half)
        static_for<4>([&](auto quarter) {
            constexpr int k = value_of<decltype(quarter)>;
            int part = 4 * half + k;
            I high = p[16 + half], negative = p[18 + part],
              scale = odd_number(half == 0 ? bits<4 * k, 4>(p[26]) : bits<16 + 4 * k, 4>(p[26]));
            for (int group = 0; group < 2; ++group) to.scale(2 * part + group, scale);
            static_for<8>([&](auto piece) {
                constexpr int c = value_of<decltype(piece)>;
                I index = bits<c % 4 * 8, 8>(p[2 * part + c / 4]) | shift_left<8>(bits<8 * k + c, 1>(high));
                to.q(8 * part + c, with_signs(gather<1>(grid, index), shift_right<4 * c>(negative)));
            });
        });
}
