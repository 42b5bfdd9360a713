#include "tokenizer/json_text.h"

#include <fmt/core.h>

namespace puna {

std::string quote_json(std::string_view text) {
    std::string quoted = "\"";
    for (char c : text) {
        constexpr std::string_view escaped = "\"\\\n\r\t\b\f", letters = "\"\\nrtbf";
        if (size_t at = escaped.find(c); at != escaped.npos) {
            quoted += '\\';
            quoted += letters[at];
        } else if (static_cast<unsigned char>(c) < 0x20) {
            quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            quoted += c;
        }
    }
    return quoted += '"';
}

}  // namespace puna
