#include "core/error.h"

#include <algorithm>
#include <system_error>

namespace puna {

void throw_error(std::string message) { throw Error(std::move(message)); }
void throw_bug(std::string message) { throw Bug(std::move(message)); }

namespace {

// Length of the UTF-8 sequence that text begins with; 0 where it is broken, or a control character.
size_t printable_length(std::string_view text) {
    unsigned char first = static_cast<unsigned char>(text[0]);
    if (first < 0x80) return first >= 0x20 && first != 0x7f;
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    if (first > 0xf4 || text.size() < length) return 0;
    for (size_t i = 1; i < length; ++i)
        if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
    bool second_control_block = first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    return second_control_block ? 0 : length;
}

}  // namespace

std::string printable(std::string_view text, size_t longest) {
    std::string line;
    for (size_t at = 0; at < text.size();) {
        if (at >= longest) return line + "...";
        size_t length = printable_length(text.substr(at));
        if (length > 0)
            line += text.substr(at, length);
        else
            line += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
        at += std::max<size_t>(length, 1);
    }
    return line;
}

std::string system_reason(int error_number) { return std::generic_category().message(error_number); }

}  // namespace puna
