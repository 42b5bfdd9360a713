// core/dtype.h — element types of tensors, and conversions between them.
//
//   with_type(w.dtype, [&]<class T>() { bytes = sizeof(T); });       // dispatches f32, f16, bf16 to a C++ type
//
// Conversions to bf16 and f16 round to nearest, ties to even; NaN stays NaN.
#pragma once
#include "core/error.h"

#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

namespace puna {

enum class Dtype : uint8_t { f32, bf16, f16, i32, i64, u8 };

struct DtypeInfo {
    Dtype dtype;
    std::string_view name;       // in messages and flags
    std::string_view file_name;  // in safetensors
    int bytes;
};

inline constexpr DtypeInfo dtypes[] = {
    {Dtype::f32, "f32", "F32", 4}, {Dtype::bf16, "bf16", "BF16", 2}, {Dtype::f16, "f16", "F16", 2},
    {Dtype::i32, "i32", "I32", 4}, {Dtype::i64, "i64", "I64", 8},    {Dtype::u8, "u8", "U8", 1},
};

constexpr const DtypeInfo& info(Dtype dtype) { return dtypes[static_cast<int>(dtype)]; }
constexpr int64_t size_of(Dtype dtype) { return info(dtype).bytes; }
std::optional<Dtype> find_dtype(std::string_view name);  // by either name

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
