#include "core/dtype.h"

#include "core/checked.h"

namespace puna {

std::vector<std::string_view> enum_names(Dtype) {
    std::vector<std::string_view> names;
    for (const DtypeInfo& entry : dtypes) names.push_back(entry.name);
    return names;
}

std::optional<int64_t> bytes_of(Dtype dtype, int64_t count) {
    const DtypeInfo& type = info(dtype);
    if (count < 0 || count % type.block != 0) return {};
    return checked_multiply(count / type.block, type.block_bytes);
}

uint16_t f16_from_float(float value) {
    uint32_t u = std::bit_cast<uint32_t>(value);
    uint32_t sign = u >> 16 & 0x8000, magnitude = u & 0x7fffffff;
    if (magnitude > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
    if (magnitude >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);  // 65520 and above round to infinity
    if (magnitude < 0x38800000) {                                              // below 2^-14: a multiple of 2^-24
        float shifted = std::bit_cast<float>(magnitude) + 0.5f;                // 0.5 has an ulp of 2^-24
        return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000));
    }
    uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
    return static_cast<uint16_t>(sign | ((rounded - 0x38000000) >> 13));
}

float float_from_f16(uint16_t bits) {
    uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16, magnitude = bits & 0x7fff;
    if (magnitude >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
    if (magnitude < 0x400) {
        float value = static_cast<float>(magnitude) * 0x1p-24f;
        return sign ? -value : value;
    }
    return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000));
}

}  // namespace puna
