// files/gguf_types.h — the types of tensors in GGUF files.
//
//   const GgufTensorType* type = find_gguf_tensor_type(12);             // "Q4_K": 256 elements in 144 bytes
//
// Source: ggml, ggml.h (numbers) and ggml-common.h (blocks).
#pragma once
#include "core/dtype.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

namespace puna {

struct GgufTensorType {
    uint32_t id;
    std::string_view name;
    int64_t block, block_bytes;       // elements and bytes of a block
    std::optional<Dtype> dtype = {};  // empty: not supported
};

inline constexpr GgufTensorType gguf_tensor_types[] = {
    {0, "F32", 1, 4, Dtype::f32},
    {1, "F16", 1, 2, Dtype::f16},
    {2, "Q4_0", 32, 18, Dtype::q4_0},
    {3, "Q4_1", 32, 20, Dtype::q4_1},
    {6, "Q5_0", 32, 22, Dtype::q5_0},
    {7, "Q5_1", 32, 24, Dtype::q5_1},
    {8, "Q8_0", 32, 34, Dtype::q8_0},
    {9, "Q8_1", 32, 36},
    {10, "Q2_K", 256, 84, Dtype::q2_K},
    {11, "Q3_K", 256, 110, Dtype::q3_K},
    {12, "Q4_K", 256, 144, Dtype::q4_K},
    {13, "Q5_K", 256, 176, Dtype::q5_K},
    {14, "Q6_K", 256, 210, Dtype::q6_K},
    {15, "Q8_K", 256, 292},
    {16, "IQ2_XXS", 256, 66, Dtype::iq2_xxs},
    {17, "IQ2_XS", 256, 74, Dtype::iq2_xs},
    {18, "IQ3_XXS", 256, 98, Dtype::iq3_xxs},
    {19, "IQ1_S", 256, 50},
    {20, "IQ4_NL", 32, 18, Dtype::iq4_nl},
    {21, "IQ3_S", 256, 110, Dtype::iq3_s},
    {22, "IQ2_S", 256, 82, Dtype::iq2_s},
    {23, "IQ4_XS", 256, 136, Dtype::iq4_xs},
    {24, "I8", 1, 1},
    {25, "I16", 1, 2},
    {26, "I32", 1, 4, Dtype::i32},
    {27, "I64", 1, 8, Dtype::i64},
    {28, "F64", 1, 8},
    {29, "IQ1_M", 256, 56},
    {30, "BF16", 1, 2, Dtype::bf16},
    {34, "TQ1_0", 256, 54},
    {35, "TQ2_0", 256, 66},
    {39, "MXFP4", 32, 17},
    {40, "NVFP4", 64, 36},
};
static_assert(std::all_of(std::begin(gguf_tensor_types), std::end(gguf_tensor_types), [](const GgufTensorType& type) {
    return !type.dtype || (info(*type.dtype).block == type.block && info(*type.dtype).block_bytes == type.block_bytes);
}));

// Null if there is none of this number, or it was removed from the format.
constexpr const GgufTensorType* find_gguf_tensor_type(uint32_t id) {
    const GgufTensorType* type = std::find_if(std::begin(gguf_tensor_types), std::end(gguf_tensor_types),
                                              [id](const GgufTensorType& known) { return known.id == id; });
    return type == std::end(gguf_tensor_types) ? nullptr : type;
}

}  // namespace puna
