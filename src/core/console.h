// core/console.h — something for the eye, on standard error, as it stands and at once: a bar, a part of a line.
//
//   print_status("\r{} of {}", done, all);
//
// Where standard error cannot be written to, as after its terminal was closed, the work goes on. Whole lines that
// belong into a log are core/log.h's.
#pragma once
#include <fmt/core.h>

#include <string>
#include <utility>

namespace puna {

// Whether escape sequences are understood there: a terminal, and one that TERM names and does not call dumb.
bool shows_escapes(int descriptor);
bool shows_color(int descriptor);  // that, and NO_COLOR does not ask for none (no-color.org)

void write_stderr(const std::string& text);

// Over the line that was drawn before, as much of it as the terminal is wide. Where standard error shows_escapes.
void draw_status_line(const std::string& line);

template <class... Args>
void print_status(fmt::format_string<Args...> format, Args&&... args) {
    write_stderr(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace puna
