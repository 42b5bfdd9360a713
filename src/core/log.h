// core/log.h — log lines of the program on standard error.
//
//   log_info("loaded {} in {:.1f} s", path, seconds);
#pragma once
#include <fmt/core.h>

#include <string>
#include <utility>

namespace puna {

enum class LogLevel { info, warning };
void write_log(LogLevel level, const std::string& message);

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
    write_log(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
    write_log(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace puna
