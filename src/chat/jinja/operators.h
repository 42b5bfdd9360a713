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
bool contains(const Value& container, const Value& item, Budget& budget);

// value[key]; none where Python raises KeyError, IndexError or TypeError, for which Jinja2 returns undefined.
std::optional<Value> find_item(const Value& value, const Value& key, Budget& budget);
// value[begin:end:step]; None: omitted.
Value slice(const Value& value, const Value& begin, const Value& end, const Value& step, Budget& budget);

// list(value): items, keys of a dict, characters of a string; empty for undefined. Consumes an iterator.
std::vector<Value> iterate(const Value& value, Budget& budget);
std::vector<Value> items_of(const Dict& dict, Budget& budget);  // dict.items(): tuples of key and value
size_t length_of(const Value& value);                           // len(value); 0 for undefined

}  // namespace puna::jinja
