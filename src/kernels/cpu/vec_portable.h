// kernels/cpu/vec_portable.h — the vector operations of the .inl files in plain loops over PUNA_LANES floats, for the
// test tables of kernels/testing: a definition of each operation, and the layouts of instruction sets that a machine
// lacks. Bit-identical to vec_avx2.h and vec_avx512.h. Included inside a namespace, once for each width.

constexpr int64_t lanes = PUNA_LANES;

struct F {
    float lane[lanes];
};

template <class Lane>
inline F make_lanes(Lane value) {
    F x;
    for (int64_t i = 0; i < lanes; ++i) x.lane[i] = value(i);
    return x;
}

inline F operator+(F a, F b) {
    return make_lanes([&](int64_t i) { return a.lane[i] + b.lane[i]; });
}
inline F operator-(F a, F b) {
    return make_lanes([&](int64_t i) { return a.lane[i] - b.lane[i]; });
}
inline F operator*(F a, F b) {
    return make_lanes([&](int64_t i) { return a.lane[i] * b.lane[i]; });
}
inline F operator/(F a, F b) {
    return make_lanes([&](int64_t i) { return a.lane[i] / b.lane[i]; });
}

// For all float types; partial loads fill with zeros.
template <class T>
inline F load(const T* p, int64_t n) {
    return make_lanes([&](int64_t i) { return i < n ? static_cast<float>(p[i]) : 0.0f; });
}
template <class T>
inline F load(const T* p) {
    return load(p, lanes);
}
template <class T>
inline void store(T* p, F x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) p[i] = T(x.lane[i]);
}
template <class T>
inline void store(T* p, F x) {
    store(p, x, lanes);
}

// Of two 16-bit elements in each lane: those in the lower halves, and those in the upper halves.
template <class T>
inline F half_lanes(F pairs, int shift) {
    return make_lanes([&](int64_t i) {
        T x;
        x.bits = static_cast<uint16_t>(std::bit_cast<uint32_t>(pairs.lane[i]) >> shift);
        return static_cast<float>(x);
    });
}
template <class T>
inline F lower(T, F pairs) {
    return half_lanes<T>(pairs, 0);
}
template <class T>
inline F upper(T, F pairs) {
    return half_lanes<T>(pairs, 16);
}

inline F broadcast(float x) {
    return make_lanes([&](int64_t) { return x; });
}
inline F as_bf16(F x) {
    return make_lanes([&](int64_t i) { return static_cast<float>(bf16(x.lane[i])); });
}
inline F fma(F a, F b, F c) {
    return make_lanes([&](int64_t i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
}
inline F fnma(F a, F b, F c) {
    return make_lanes([&](int64_t i) { return std::fma(-a.lane[i], b.lane[i], c.lane[i]); });
}
inline F max(F a, F b) {
    return make_lanes([&](int64_t i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline F min(F a, F b) {
    return make_lanes([&](int64_t i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline F sqrt(F x) {
    return make_lanes([&](int64_t i) { return std::sqrt(x.lane[i]); });
}
inline F round_to_integer(F x) {
    return make_lanes([&](int64_t i) { return std::nearbyint(x.lane[i]); });
}
inline F power_of_two(F n) {
    return make_lanes([&](int64_t i) { return std::ldexp(1.0f, static_cast<int>(n.lane[i])); });
}
inline F zero_if_less(F value, F x, F limit) {
    return make_lanes([&](int64_t i) { return x.lane[i] < limit.lane[i] ? 0.0f : value.lane[i]; });
}

inline F abs(F x) {
    return make_lanes([&](int64_t i) { return std::abs(x.lane[i]); });
}
inline F as_f16(F x) {
    return make_lanes([&](int64_t i) { return static_cast<float>(f16(x.lane[i])); });
}

// Lanes at an address without alignment.
inline F load(const std::byte* p, int64_t n) {
    F x{};
    std::memcpy(x.lane, p, static_cast<size_t>(4 * n));
    return x;
}
inline F load(const std::byte* p) { return load(p, lanes); }

// lanes / 4 units of sixteen bytes, at(0), at(1), ...
template <class Address>
inline F load_units(Address at) {
    F x;
    for (int64_t u = 0; u < lanes / 4; ++u) std::memcpy(x.lane + 4 * u, at(u), 16);
    return x;
}

// A truth value for each lane.
struct M {
    bool lane[lanes];
};
inline M less(F a, F b) {
    M m;
    for (int64_t i = 0; i < lanes; ++i) m.lane[i] = a.lane[i] < b.lane[i];
    return m;
}
inline F select(M m, F yes, F no) {
    return make_lanes([&](int64_t i) { return m.lane[i] ? yes.lane[i] : no.lane[i]; });
}

// Adds halves until one value is left, as the instruction sets do.
inline float reduce_add(F x) {
    for (int64_t half = lanes / 2; half > 0; half /= 2)
        for (int64_t i = 0; i < half; ++i) x.lane[i] += x.lane[i + half];
    return x.lane[0];
}
inline float reduce_max(F x) {
    for (int64_t half = lanes / 2; half > 0; half /= 2)
        for (int64_t i = 0; i < half; ++i) x.lane[i] = x.lane[i] > x.lane[i + half] ? x.lane[i] : x.lane[i + half];
    return x.lane[0];
}

inline void transpose(F* r) {
    for (int64_t i = 0; i < lanes; ++i)
        for (int64_t j = 0; j < i; ++j) std::swap(r[i].lane[j], r[j].lane[i]);
}

// Lanes of 32 bits: numbers, or four bytes each.
struct I {
    int32_t lane[lanes];
};

template <class Lane>
inline I make_bits(Lane value) {
    I x;
    for (int64_t i = 0; i < lanes; ++i) x.lane[i] = static_cast<int32_t>(value(i));
    return x;
}
template <class Byte>
inline I make_bytes(Byte value) {  // value(lane, shift of the byte)
    return make_bits([&](int64_t i) {
        uint32_t x = 0;
        for (int shift = 0; shift < 32; shift += 8) x |= (static_cast<uint32_t>(value(i, shift)) & 0xff) << shift;
        return x;
    });
}

inline I operator&(I a, I b) {
    return make_bits([&](int64_t i) { return a.lane[i] & b.lane[i]; });
}
inline I operator|(I a, I b) {
    return make_bits([&](int64_t i) { return a.lane[i] | b.lane[i]; });
}
inline I operator^(I a, I b) {
    return make_bits([&](int64_t i) { return a.lane[i] ^ b.lane[i]; });
}

inline I load(const int32_t* p) {
    return make_bits([&](int64_t i) { return p[i]; });
}
inline void store(int32_t* p, I x) { std::copy_n(x.lane, lanes, p); }
inline I as_bits(F x) {
    return make_bits([&](int64_t i) { return std::bit_cast<int32_t>(x.lane[i]); });
}
inline F as_floats(I x) {
    return make_lanes([&](int64_t i) { return std::bit_cast<float>(x.lane[i]); });
}
inline I splat(uint32_t x) {
    return make_bits([&](int64_t) { return x; });
}
template <int n>
inline I shift_left(I x) {
    return make_bits([&](int64_t i) { return static_cast<uint32_t>(x.lane[i]) << n; });
}
template <int n>
inline I shift_right(I x) {  // zeros come in
    return make_bits([&](int64_t i) { return static_cast<uint32_t>(x.lane[i]) >> n; });
}
inline F to_floats(I x) {
    return make_lanes([&](int64_t i) { return static_cast<float>(x.lane[i]); });
}
inline I to_integers(F x) {  // to nearest, ties to even; |x| < 2^31
    return make_bits([&](int64_t i) { return static_cast<int32_t>(std::nearbyint(x.lane[i])); });
}
template <int i>
inline F byte_to_floats(I x) {  // byte i, signed
    return make_lanes([&](int64_t l) { return static_cast<float>(static_cast<int8_t>(x.lane[l] >> 8 * i)); });
}
inline I subtract_bytes(I a, I b) {
    return make_bytes([&](int64_t i, int shift) {
        return (static_cast<uint32_t>(a.lane[i]) >> shift) - (static_cast<uint32_t>(b.lane[i]) >> shift);
    });
}
inline I lookup_bytes(const int8_t* table, I index) {  // of 16; every byte of index is one
    return make_bytes([&](int64_t i, int shift) { return table[index.lane[i] >> shift & 15]; });
}
template <int stride>
inline I gather(const int32_t* table, I index) {  // table[index * stride]
    return make_bits([&](int64_t i) { return table[index.lane[i] * stride]; });
}
inline I mask_bytes(I bits) {  // byte j: all ones if bit j is set, j < 4
    return make_bytes([&](int64_t i, int shift) { return (bits.lane[i] >> shift / 8 & 1) != 0 ? 0xff : 0; });
}

// Pairs of bf16, one per 32-bit lane, as in vec_avx512_bf16.h.
inline uint32_t bits_of(float x) { return std::bit_cast<uint32_t>(x); }
inline uint32_t bf16_bits(float x) { return std::bit_cast<uint16_t>(bf16(x)); }
inline F load_pairs(const bf16* p, int64_t n) {
    return make_lanes([&](int64_t i) {
        uint32_t low = 2 * i < n ? std::bit_cast<uint16_t>(p[2 * i]) : 0u,
                 high = 2 * i + 1 < n ? std::bit_cast<uint16_t>(p[2 * i + 1]) : 0u;
        return std::bit_cast<float>(low | high << 16);
    });
}
inline F round_to_pairs(F first, F second) {
    return make_lanes([&](int64_t i) {
        const F& from = 2 * i < lanes ? first : second;
        int64_t at = 2 * i % lanes;
        return std::bit_cast<float>(bf16_bits(from.lane[at]) | bf16_bits(from.lane[at + 1]) << 16);
    });
}
inline F interleave_to_pairs(F low, F high) {
    return make_lanes(
        [&](int64_t i) { return std::bit_cast<float>(bf16_bits(low.lane[i]) | bf16_bits(high.lane[i]) << 16); });
}
inline F interleave_to_pairs(const bf16* low, const bf16* high, int64_t n) {
    return interleave_to_pairs(load(low, n), high ? load(high, n) : broadcast(0));
}
// The product of the upper halves is added first, then that of the lower halves.
inline F dot_pairs(F total, F a, F b) {
    auto low = [](float pair) { return std::bit_cast<float>(bits_of(pair) << 16); };
    auto high = [](float pair) { return std::bit_cast<float>(bits_of(pair) & 0xffff0000); };
    return make_lanes([&](int64_t i) {
        float sum = std::fma(high(a.lane[i]), high(b.lane[i]), total.lane[i]);
        return std::fma(low(a.lane[i]), low(b.lane[i]), sum);
    });
}
