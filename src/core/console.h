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

// Whether the descriptor is a terminal that supports escape sequences: TERM is set and not "dumb".
bool supports_escapes(int descriptor);
bool supports_color(int descriptor);  // and NO_COLOR is unset or empty (no-color.org)

void write_stderr(const std::string& text);

// Redraws the current line, truncated to the terminal's width. Requires supports_escapes(STDERR_FILENO).
void draw_status_line(const std::string& line);

template <class... Args>
void print_status(fmt::format_string<Args...> format, Args&&... args) {
    write_stderr(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace puna
