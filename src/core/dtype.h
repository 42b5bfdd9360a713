// core/dtype.h — element types of tensors, and conversions between them.
//
//   with_type(w.dtype, [&]<class T>() { bytes = sizeof(T); });       // dispatches f32, f16, bf16 to a C++ type
//   std::optional<int64_t> size = bytes_of(Dtype::q8_0, 4096);         // 128 blocks of 32 elements: 4352 bytes
//
// A dtype stores its elements in blocks: plain types one by one, block types (q8_0, ...) 32 or 256 at a time with
// common scales. core/blocks.h has their layouts; an element of a block has no address of its own.
//
// Conversions to bf16 and f16 round to nearest, ties to even; NaN stays NaN.
#pragma once
#include "core/error.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace puna {

// clang-format off
enum class Dtype : uint8_t {
    f32, bf16, f16, i32, i64, u8,
    q8_0, q4_0, q4_1, q5_0, q5_1, iq4_nl,
    q2_K, q3_K, q4_K, q5_K, q6_K, iq4_xs,
    iq2_xxs, iq2_xs, iq2_s, iq3_xxs, iq3_s
};
// clang-format on

struct DtypeInfo {
    Dtype dtype;
    std::string_view name;       // in messages and flags
    std::string_view file_name;  // in safetensors; empty for block types, which that format lacks
    int64_t block, block_bytes;  // elements and bytes of a block; plain types have blocks of one element
    int64_t head;                // bytes before a block's pieces of four bytes, in panels (core/tensor.h)
};

inline constexpr DtypeInfo dtypes[] = {
    {Dtype::f32, "f32", "F32", 1, 4, 0},         {Dtype::bf16, "bf16", "BF16", 1, 2, 0},
    {Dtype::f16, "f16", "F16", 1, 2, 0},         {Dtype::i32, "i32", "I32", 1, 4, 0},
    {Dtype::i64, "i64", "I64", 1, 8, 0},         {Dtype::u8, "u8", "U8", 1, 1, 0},
    {Dtype::q8_0, "q8_0", "", 32, 34, 2},        {Dtype::q4_0, "q4_0", "", 32, 18, 2},
    {Dtype::q4_1, "q4_1", "", 32, 20, 0},        {Dtype::q5_0, "q5_0", "", 32, 22, 2},
    {Dtype::q5_1, "q5_1", "", 32, 24, 0},        {Dtype::iq4_nl, "iq4_nl", "", 32, 18, 2},
    {Dtype::q2_K, "q2_K", "", 256, 84, 0},       {Dtype::q3_K, "q3_K", "", 256, 110, 0},
    {Dtype::q4_K, "q4_K", "", 256, 144, 0},      {Dtype::q5_K, "q5_K", "", 256, 176, 0},
    {Dtype::q6_K, "q6_K", "", 256, 210, 0},      {Dtype::iq4_xs, "iq4_xs", "", 256, 136, 0},
    {Dtype::iq2_xxs, "iq2_xxs", "", 256, 66, 2}, {Dtype::iq2_xs, "iq2_xs", "", 256, 74, 2},
    {Dtype::iq2_s, "iq2_s", "", 256, 82, 2},     {Dtype::iq3_xxs, "iq3_xxs", "", 256, 98, 2},
    {Dtype::iq3_s, "iq3_s", "", 256, 110, 2},
};
inline constexpr size_t dtype_count = std::size(dtypes);

constexpr const DtypeInfo& info(Dtype dtype) { return dtypes[static_cast<int>(dtype)]; }
constexpr bool is_block_type(Dtype dtype) { return info(dtype).block > 1; }
inline constexpr std::span block_types = std::span(dtypes).subspan(6);  // the rest are plain
static_assert(block_types.front().block > 1 && dtypes[5].block == 1);
std::vector<std::string_view> enum_names(Dtype);  // for core/fields.h

// The bytes of `count` elements; none if count is negative or not in whole blocks, or the bytes exceed 64 bits.
std::optional<int64_t> bytes_of(Dtype dtype, int64_t count);

// Storage types of 16 bits; arithmetic is done in float.
struct bf16 {
    uint16_t bits;
    bf16() = default;
    explicit bf16(float value) {
        uint32_t u = std::bit_cast<uint32_t>(value);
        bool nan = (u & 0x7fffffff) > 0x7f800000;
        bits = static_cast<uint16_t>((nan ? u | 0x400000 : u + 0x7fff + (u >> 16 & 1)) >> 16);
    }
    explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

uint16_t f16_from_float(float value);
float float_from_f16(uint16_t bits);

struct f16 {
    uint16_t bits;
    f16() = default;
    explicit f16(float value) : bits(f16_from_float(value)) {}
    explicit operator float() const { return float_from_f16(bits); }
};

template <class T>
inline constexpr Dtype dtype_of = [] {
    static_assert(sizeof(T) == 0, "no dtype for this type");
    return Dtype::f32;
}();
template <>
inline constexpr Dtype dtype_of<float> = Dtype::f32;
template <>
inline constexpr Dtype dtype_of<bf16> = Dtype::bf16;
template <>
inline constexpr Dtype dtype_of<f16> = Dtype::f16;
template <>
inline constexpr Dtype dtype_of<int32_t> = Dtype::i32;
template <>
inline constexpr Dtype dtype_of<int64_t> = Dtype::i64;
template <>
inline constexpr Dtype dtype_of<uint8_t> = Dtype::u8;

// Calls f.operator()<float>(), <bf16>() or <f16>(); any other dtype is a Bug.
template <class F>
auto with_type(Dtype dtype, F f) {
    switch (dtype) {
        case Dtype::f32:
            return f.template operator()<float>();
        case Dtype::bf16:
            return f.template operator()<bf16>();
        case Dtype::f16:
            return f.template operator()<f16>();
        default:
            throw_bug(fmt::format("with_type: {} is not a floating type", info(dtype).name));
    }
}

}  // namespace puna
