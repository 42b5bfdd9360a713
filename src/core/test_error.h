// core/test_error.h — for tests: the message of the Error that a call throws.
//
//   EXPECT_EQ(error_message([] { read_text("none"); }), "none: cannot open: No such file or directory");
#pragma once
#include "core/error.h"

#include <string>

namespace puna {

// "no error" if f throws none; a Bug passes through.
template <class F>
std::string error_message(F f) {
    try {
        f();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace puna
