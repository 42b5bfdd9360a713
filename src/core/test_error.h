// core/test_error.h — for tests: the message and the kind of the Error that a call throws.
//
//   EXPECT_EQ(error_of([] { read_text("none"); }), "none: cannot open: No such file or directory");
//   EXPECT_EQ(error_kind_of([] { read_text("none"); }), ErrorKind::not_found);
#pragma once
#include "core/error.h"

#include <optional>
#include <string>

namespace puna {

// None if f throws no Error; a Bug passes through.
template <class F>
std::optional<Error> thrown_error(F f) {
    try {
        f();
    } catch (const Error& error) {
        return error;
    }
    return {};
}

// "no error" if f throws none.
template <class F>
std::string error_of(F f) {
    std::optional<Error> error = thrown_error(f);
    return error ? error->what() : "no error";
}

template <class F>
std::optional<ErrorKind> error_kind_of(F f) {
    std::optional<Error> error = thrown_error(f);
    return error ? std::optional(error->kind) : std::nullopt;
}

}  // namespace puna
