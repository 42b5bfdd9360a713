// core/console.h — transient status output on standard error, unbuffered: progress bars, partial lines.
//
//   print_status("\r{} of {}", done, all);
//
// Write errors, as after the terminal was closed, are ignored. For log lines see core/log.h.
#pragma once
#include <fmt/core.h>

#include <string>
#include <utility>

namespace puna {

// Whether escape sequences may be written to the descriptor: it is a terminal, NO_COLOR is unset or empty
// (no-color.org), and terminfo describes TERM as a terminal with ANSI (ECMA-48) sequences.
bool supports_escapes(int descriptor);
bool is_ansi_terminal(int descriptor);  // the same, whatever NO_COLOR is: for those that move the cursor only

void write_stderr(const std::string& text);

// Redraws the current line, truncated to the terminal's width. Requires supports_escapes(STDERR_FILENO).
void draw_status_line(const std::string& line);

template <class... Args>
void print_status(fmt::format_string<Args...> format, Args&&... args) {
    write_stderr(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace puna
