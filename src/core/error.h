// core/error.h — the two kinds of failure: Error (bad input or environment) and Bug (broken invariant).
//
//   if (!file) fail("{}: cannot open: {}", path, reason);        // bad input or environment: throws Error
//   if (n > 8192) fail(ErrorKind::too_large, "{} tokens exceed the context of 8192", n);
//   if (share > 1) fail_field("validation_share", "must be at most 1, not {}", share);
//   if (problem) rethrow_with(path, *problem);                   // another's error with its place: "path: message"
//   check(x.size[1] == w.size[1], "linear: {} x {}", x, w);      // broken invariant: throws Bug, always on
//
// An Error's message names the thing, the place and the remedy, in one line; it is caught per command, request or chat
// turn. Nobody reads meaning out of the message: that is in the kind and the field. Input from users, files or the
// network must be validated before it reaches check.
#pragma once
#include <fmt/core.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace puna {

enum class ErrorKind : uint8_t {
    failed,         // none of the others
    usage,          // an option, a value or a combination of them is not acceptable
    not_found,      // no such file, folder, model
    exists,         // an output exists already and was not to be overwritten
    denied,         // no permission
    too_large,      // more than a limit allows, or a context holds
    busy,           // in use by others: may work later
    unsupported,    // valid, but not implemented here
    damaged,        // not valid in its format, or not what it was taken for
    out_of_memory,  //
    output,         // results cannot be written, nor can further ones
    closed,         // nobody reads the results any more
};

struct Error : std::runtime_error {
    explicit Error(const std::string& message, ErrorKind error_kind = ErrorKind::failed)
        : std::runtime_error(message), kind(error_kind) {}
    // problem: what follows the field's name, however a front end spells it: " must be at most 1", ": 30 is too many".
    Error(std::string name, const std::string& problem, ErrorKind error_kind = ErrorKind::usage)
        : std::runtime_error(name + problem), kind(error_kind), field(std::move(name)) {}

    // where: what the message is to begin with, as "recipe.toml: line 3"; kind and field are those of the problem.
    Error(std::string_view where, const Error& problem)
        : std::runtime_error(fmt::format("{}: {}", where, problem.what())),
          kind(problem.kind),
          field(problem.field),
          field_at(where.size() + 2 + problem.field_at) {}

    // The same for a field whose name stands at byte `at` of the message: "recipe.json: 'top_p' must be at most 1".
    Error(const std::string& message, std::string name, size_t at, ErrorKind error_kind = ErrorKind::usage)
        : std::runtime_error(message), kind(error_kind), field(std::move(name)), field_at(at) {}

    std::string_view problem() const { return std::string_view(what()).substr(field_at + field.size()); }

    ErrorKind kind;
    std::string field;    // of an options struct (core/fields.h), as "top_p"; empty: the error is not about one
    size_t field_at = 0;  // the byte of the message at which its name begins; not 0: the field of a file
};

struct Bug : std::logic_error {
    using std::logic_error::logic_error;
};

[[noreturn]] void throw_error(const std::string& message, ErrorKind kind = ErrorKind::failed);
[[noreturn]] void throw_field_error(std::string_view field, const std::string& problem, ErrorKind kind);
[[noreturn]] void rethrow_with(std::string_view where, const Error& problem);
[[noreturn]] void throw_errno(int error_number, const std::string& message);
[[noreturn]] void throw_bug(const std::string& message);

template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
    throw_error(fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
    throw_error(fmt::format(format, std::forward<Args>(args)...), kind);
}

// Of a field that "must be at most 1, not 2"; the message begins with the field's name.
template <class... Args>
[[noreturn]] void fail_field(std::string_view field, fmt::format_string<Args...> format, Args&&... args) {
    throw_field_error(field, " " + fmt::format(format, std::forward<Args>(args)...), ErrorKind::usage);
}
// Of a field whose value does not fit other fields or things: "heads: 30 are not a multiple of 4".
template <class... Args>
[[noreturn]] void fail_value(std::string_view field, fmt::format_string<Args...> format, Args&&... args) {
    throw_field_error(field, ": " + fmt::format(format, std::forward<Args>(args)...), ErrorKind::usage);
}

// Of a failed system call: ": No such file or directory" is appended, and the kind is that of the reason.
template <class... Args>
[[noreturn]] void fail_errno(int error_number, fmt::format_string<Args...> format, Args&&... args) {
    throw_errno(error_number, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void check(bool holds, fmt::format_string<Args...> format, Args&&... args) {
    if (!holds) [[unlikely]]
        throw_bug(fmt::format(format, std::forward<Args>(args)...));
}

// Untrusted text made safe for a message: one line, at most max_bytes of the text, control characters and invalid UTF-8
// escaped as \x1b.
std::string printable(std::string_view text, size_t max_bytes = 100);

std::string system_reason(int error_number);  // the message of an errno value: "No such file or directory"

}  // namespace puna
