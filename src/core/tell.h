// core/tell.h — something for the eye, on standard error, as it stands and at once: a bar, a part of a line.
//
//   tell("\r{} of {}", done, all);
//
// Where standard error cannot be written to, as after its terminal was closed, the work goes on. Whole lines that
// belong into a log are core/log.h's.
#pragma once
#include <fmt/core.h>

#include <string>
#include <utility>

namespace puna {

void write_error_stream(const std::string& text);
void draw_line(const std::string& line);  // over the line that was drawn before, as much of it as the terminal is wide

template <class... Args>
void tell(fmt::format_string<Args...> format, Args&&... args) {
    write_error_stream(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace puna
