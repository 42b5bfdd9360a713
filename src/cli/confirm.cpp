#include "cli/confirm.h"

#include "core/console.h"

#include <unistd.h>

#include <cctype>
#include <iostream>

namespace puna {

bool can_ask() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1; }

bool confirm(const std::string& question, const ConfirmOptions& options) {
    if (!can_ask()) return false;
    while (true) {
        print_status("{} [{}] ", question, options.fallback ? "Y/n" : "y/N");
        std::string answer;
        if (!std::getline(std::cin, answer)) return false;
        if (answer.empty()) return options.fallback;
        char first = static_cast<char>(std::tolower(static_cast<unsigned char>(answer[0])));
        if (first == 'y' || first == 'n') return first == 'y';
    }
}

}  // namespace puna
