// chat/jinja/python_format.h — Python's % operator on strings and str.format.
//
//   Text old = format_percent(text_of("%s has %d"), args, budget);      // args: a tuple, a dict or the only value
//   Text text = format_braces(text_of("{0} has {n:03d}"), arguments, find, budget);
//
// Throw Error for invalid or unsupported formats, for values that do not fit them, and for missing arguments. Widths
// are limited to 10,000 characters, precisions to 400. Source: Python's "printf-style String Formatting" and "Format
// String Syntax".
#pragma once
#include "chat/jinja/value.h"

#include <functional>

namespace puna::jinja {

Text format_percent(const Text& format, const Value& arguments, Budget& budget);

// Evaluates value.name, or value[name] if in_brackets, of a replacement field such as {0.name[key]}.
using FindField = std::function<Value(const Value& value, const Value& name, bool in_brackets)>;
Text format_braces(const Text& format, const Arguments& arguments, const FindField& find, Budget& budget);

}  // namespace puna::jinja
