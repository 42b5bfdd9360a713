// chat/jinja/python_format.h — Python's "%s" and "{}", for templates.
//
//   Text old = format_percent(text_of("%s has %d"), args, budget);      // args: a tuple, a dict or the only value
//   Text text = format_braces(text_of("{0} has {n:03d}"), arguments, find, budget);
//
// Throw Error for formats that are wrong or not known here, and for values that do not fit them.
#pragma once
#include "chat/jinja/value.h"

#include <functional>

namespace puna::jinja {

Text format_percent(const Text& format, const Value& arguments, Budget& budget);

// value.name, or value[name] for a name in brackets.
using FindField = std::function<Value(const Value& value, const Value& name, bool in_brackets)>;
Text format_braces(const Text& format, const Arguments& arguments, const FindField& find, Budget& budget);

}  // namespace puna::jinja
