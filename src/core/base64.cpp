#include "core/base64.h"

#include <array>
#include <cstdint>

namespace puna {

namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> values_of_digits = [] {
    std::array<int8_t, 256> values{};
    values.fill(-1);
    for (size_t i = 0; i < digits.size(); ++i) values[static_cast<unsigned char>(digits[i])] = static_cast<int8_t>(i);
    return values;
}();

}  // namespace

bool read_base64(std::string_view text, std::string& bytes) {
    bytes.clear();
    if (text.empty() || text.size() % 4 != 0) return false;
    size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    uint32_t group = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        bool pad = i >= text.size() - padding;
        int value = pad ? 0 : values_of_digits[static_cast<unsigned char>(text[i])];
        if (value < 0) return false;
        group = group << 6 | static_cast<uint32_t>(value);
        if (i % 4 != 3) continue;
        for (int shift : {16, 8, 0}) bytes.push_back(static_cast<char>(group >> shift & 0xff));
        group = 0;
    }
    bytes.resize(bytes.size() - padding);
    return true;
}

std::string write_base64(std::string_view bytes) {
    std::string text;
    for (size_t at = 0; at < bytes.size(); at += 3) {
        uint32_t group = 0;
        for (size_t i = 0; i < 3; ++i)
            group = group << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0u);
        for (size_t i = 0; i < 4; ++i) text += at + i <= bytes.size() ? digits[group >> (18 - 6 * i) & 63] : '=';
    }
    return text;
}

}  // namespace puna
