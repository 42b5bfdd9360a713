#include "cli/piece.h"

#include "core/utf8.h"

#include <fmt/core.h>
#include <utf8proc.h>

#include <algorithm>

namespace puna {

namespace {

// Separators other than the space, controls, and what Unicode leaves unassigned or only formats text with.
bool leaves_no_mark(uint32_t code) {
    if (code == ' ') return false;
    utf8proc_category_t c = utf8proc_category(static_cast<utf8proc_int32_t>(code));
    return c == UTF8PROC_CATEGORY_CN || (c >= UTF8PROC_CATEGORY_ZS && c <= UTF8PROC_CATEGORY_CO);
}

std::string escaped(Character character, std::string_view bytes) {
    switch (bytes[0]) {
        case '\n':
            return "\\n";
        case '\t':
            return "\\t";
        case '\r':
            return "\\r";
        case '"':
        case '\\':
            return "\\" + std::string(bytes);
        default:
            break;
    }
    if (character.code == not_unicode || character.code < 0x20 || character.code == 0x7f)
        return fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[0]));
    return leaves_no_mark(character.code) ? fmt::format("\\u{{{:x}}}", character.code) : std::string(bytes);
}

}  // namespace

std::string quoted_piece(std::string_view bytes, size_t max_bytes) {
    std::string out = "\"";
    for (size_t at = 0; at < bytes.size();) {
        if (at >= max_bytes) return out + "\"...";
        Character character = read_character(bytes, at);
        out += escaped(character, bytes.substr(at, character.size));
        at += character.size;
    }
    return out + "\"";
}

JsonText piece_json(std::string_view bytes) {
    if (find_utf8_errors(bytes).count == 0) return bytes;
    std::vector<int> values;
    for (char byte : bytes) values.push_back(static_cast<unsigned char>(byte));
    return values;
}

}  // namespace puna
