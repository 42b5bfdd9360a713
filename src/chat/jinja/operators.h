// chat/jinja/operators.h — Python's operators on the values of a template.
//
//   Value sum = binary(Operation::add, Value(int64_t{1}), Value(0.5), budget);       // 1.5
//
// All throw Error for operand types that Python does not accept (TypeError), for undefined operands, for division by
// zero and for integers beyond 64 bits, which Python would compute.
#pragma once
#include "chat/jinja/syntax_tree.h"

namespace puna::jinja {

using Operation = Expression::Operation;

Value binary(Operation operation, const Value& a, const Value& b, Budget& budget);  // + - * / // % **
Value negate(const Value& value);
bool compare(Operation operation, const Value& a, const Value& b, Budget& budget);  // == != < <= > >= in, not in

}  // namespace puna::jinja
