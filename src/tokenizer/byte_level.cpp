#include "tokenizer/byte_level.h"

#include "core/utf8.h"

#include <array>

namespace puna {

namespace {

constexpr uint32_t first_substitute = 256;  // code points for bytes without a visible character
constexpr uint32_t substitute_count = 68;

constexpr bool is_visible(uint32_t byte) {
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

constexpr auto code_of_byte = [] {
    std::array<uint32_t, 256> codes{};
    uint32_t next = first_substitute;
    for (uint32_t byte = 0; byte < 256; ++byte) codes[byte] = is_visible(byte) ? byte : next++;
    return codes;
}();

constexpr auto byte_of_code = [] {
    std::array<int16_t, first_substitute + substitute_count> bytes{};
    bytes.fill(-1);
    for (uint32_t byte = 0; byte < 256; ++byte) bytes[code_of_byte[byte]] = static_cast<int16_t>(byte);
    return bytes;
}();

}  // namespace

std::string bytes_to_unicode(std::string_view bytes) {
    std::string spelled;
    for (char byte : bytes) append_utf8(spelled, code_of_byte[static_cast<unsigned char>(byte)]);
    return spelled;
}

std::optional<std::string> unicode_to_bytes(std::string_view spelled) {
    std::string bytes;
    for (size_t at = 0; at < spelled.size();) {
        Character c = read_character(spelled, at);
        if (c.code >= byte_of_code.size() || byte_of_code[c.code] < 0) return {};
        bytes.push_back(static_cast<char>(byte_of_code[c.code]));
        at += c.size;
    }
    return bytes;
}

// All characters of the table have one or two bytes in UTF-8.
bool is_spelling(std::string_view spelled, std::string_view bytes) {
    size_t at = 0;
    for (char byte : bytes) {
        uint32_t code = code_of_byte[static_cast<unsigned char>(byte)];
        if (code >= 0x80 && (at == spelled.size() || spelled[at++] != static_cast<char>(0xc0 | code >> 6)))
            return false;
        auto last = static_cast<char>(code < 0x80 ? code : 0x80 | (code & 0x3f));
        if (at == spelled.size() || spelled[at++] != last) return false;
    }
    return at == spelled.size();
}

}  // namespace puna
