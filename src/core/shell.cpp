#include "core/shell.h"

namespace puna {

std::string shell_word(std::string_view text) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+=:,@%";
    bool needs_quotes = text.empty() || text.find_first_not_of(plain) != text.npos;
    return needs_quotes ? quote_shell(text) : std::string(text);
}

std::string quote_shell(std::string_view text) {
    std::string out = "'";
    for (char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
    return out + "'";
}

}  // namespace puna
