// core/error.h — the two kinds of failure: Error (bad input or environment) and Bug (broken invariant).
//
//   if (!file) fail("{}: cannot open: {}", path, reason);        // bad input or environment: throws Error
//   check(x.size[1] == w.size[1], "linear: {} x {}", x, w);      // broken invariant: throws Bug, always on
//
// An Error's message names the thing, the place and the remedy, in one line; it is caught per command, request or chat
// turn. Input from users, files or the network must be validated before it reaches check.
#pragma once
#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace puna {

struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct OutOfMemory : Error {
    using Error::Error;
};

struct Bug : std::logic_error {
    using std::logic_error::logic_error;
};

[[noreturn]] void throw_error(std::string message);
[[noreturn]] void throw_bug(std::string message);

template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
    throw_error(fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void check(bool holds, fmt::format_string<Args...> format, Args&&... args) {
    if (!holds) [[unlikely]]
        throw_bug(fmt::format(format, std::forward<Args>(args)...));
}

// Untrusted text made safe for a message: one line, at most max_bytes of the text, control characters and invalid UTF-8
// escaped as \x1b.
std::string printable(std::string_view text, size_t max_bytes = 100);

// The message of an errno value, as "No such file or directory".
std::string system_reason(int error_number);

}  // namespace puna
