// chat/jinja/builtins.h — the built-in filters, tests, global functions and methods of a template, in tables.
//
//   const Builtin* upper = find_builtin(filters, "upper");
//   Value loud = call_builtin(*upper, renderer, subject, arguments);
//
// A new one is a function and a row in filters.cpp, tests.cpp, global_functions.cpp, str_methods.cpp or
// collection_methods.cpp. They behave as Jinja2's filters, tests and globals, and as Python's methods, of that name.
#pragma once
#include "chat/jinja/renderer.h"

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace puna::jinja {

struct Builtin;

// A call as the built-in sees it. The accessors take the index of a parameter; those without a fallback throw Error if
// the argument was not given, and all of them if it has the wrong type.
struct Call {
    const Builtin& builtin;
    Renderer& renderer;
    Value self;                                // what a filter, test or method is applied to
    std::vector<std::optional<Value>> values;  // by parameter; none: not given
    Arguments arguments;                       // instead of values, for a built-in with parameters "*"

    Budget& budget() const { return renderer.budget(); }
    bool has(size_t i) const { return values[i].has_value(); }
    const Value& required(size_t i) const;
    Text text(size_t i) const;
    Value value_or(size_t i, Value fallback) const { return values[i] ? *values[i] : std::move(fallback); }
    bool boolean(size_t i, bool fallback) const { return values[i] ? is_true(*values[i]) : fallback; }
    int64_t integer(size_t i, int64_t fallback) const;
    Text self_text() const { return to_text(self, budget()); }                  // str(self)
    [[noreturn]] void fail_argument(size_t i, std::string_view problem) const;  // "replace: argument 'old' is missing"
};

struct Builtin {
    std::string_view name;
    std::string_view parameters;  // names separated by spaces, all optional, as in Jinja2 or Python; "*": any arguments
    Value (*run)(Call& call);
};

extern const std::span<const Builtin> filters, tests, global_functions, str_methods, list_methods, dict_methods;

// Throws Error "origin:line: ..." for filters and tests of a template that do not exist.
void check_names(const Tree& tree);

const Builtin* find_builtin(std::span<const Builtin> table, std::string_view name);  // null if there is none
std::span<const Builtin> methods_of(const Value& value);                             // empty for types without methods
bool is_mutating_method(const Value& value, std::string_view name);  // such as list.append; the sandbox forbids them
// An attribute of Python's object that we lack: it must not seem to be undefined.
bool is_unsupported_attribute(const Value& value, std::string_view name);

// Binds the arguments to the parameters, as Python does, and runs the built-in. Throws Error if they do not fit.
Value call_builtin(const Builtin& builtin, Renderer& renderer, Value self, Arguments arguments);

// As called by a template. Methods of Markup would escape their arguments: throws Error.
Value call_method(const Builtin& method, Renderer& renderer, Value self, Arguments arguments);

// Removes a keyword argument and returns its value.
std::optional<Value> take_keyword(Arguments& arguments, std::string_view name, Budget& budget);

}  // namespace puna::jinja
