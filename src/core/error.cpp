#include "core/error.h"

#include "core/utf8.h"

#include <algorithm>
#include <system_error>

namespace puna {

void throw_error(std::string message) { throw Error(std::move(message)); }
void throw_bug(std::string message) { throw Bug(std::move(message)); }

namespace {

// Length in bytes of the first character; 0 for invalid UTF-8 and control characters.
size_t printable_length(std::string_view text) {
    unsigned char first = static_cast<unsigned char>(text[0]);
    if (first < 0x20 || first == 0x7f) return 0;
    bool c1_control = first == 0xc2 && text.size() > 1 && static_cast<unsigned char>(text[1]) < 0xa0;
    return c1_control ? 0 : utf8_length(text);
}

}  // namespace

std::string printable(std::string_view text, size_t max_bytes) {
    std::string line;
    for (size_t at = 0; at < text.size();) {
        if (at >= max_bytes) return line + "...";
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
