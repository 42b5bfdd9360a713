// chat/jinja/builtins.h — the filters, tests, functions and methods that a template can use, in tables.
//
//   const Builtin* upper = find_builtin(filters, "upper");
//   Value loud = call_builtin(*upper, renderer, subject, arguments);
//
// A new one is a function and a row. Parameters are named in the row, so that arguments can be named in a template.
#pragma once
#include "chat/jinja/renderer.h"

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace puna::jinja {

// A call as the function sees it.
struct Call {
    Renderer& renderer;
    Value self;                               // what a filter, test or method is applied to
    std::vector<std::optional<Value>> given;  // by parameter
    Arguments arguments;                      // of a builtin that takes any

    Budget& budget() const { return renderer.budget(); }
    bool has(size_t i) const { return given[i].has_value(); }
    const Value& need(size_t i) const;  // throws Error if it is not given
    Value get(size_t i, Value otherwise) const { return given[i] ? *given[i] : std::move(otherwise); }
    bool truth(size_t i, bool otherwise) const { return given[i] ? is_true(*given[i]) : otherwise; }
    int64_t whole(size_t i, int64_t otherwise) const;  // throws Error if it is no whole number
    Text text(size_t i) const;                         // throws Error if it is no text
    Text subject() const { return to_text(self, budget()); }
};

struct Builtin {
    std::string_view name;
    std::string_view parameters;  // with blanks between them; "*": any
    Value (*run)(Call& call);
};

extern const std::span<const Builtin> filters, tests, functions, text_methods, list_methods, dict_methods;

const Builtin* find_builtin(std::span<const Builtin> table, std::string_view name);
std::span<const Builtin> methods_of(const Value& value);
bool is_forbidden_method(const Value& value, std::string_view name);  // it would change the value
Value call_builtin(const Builtin& builtin, Renderer& renderer, Value self, Arguments arguments);

}  // namespace puna::jinja
