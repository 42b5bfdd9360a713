// chat/jinja/operators.h — Python's operators on values of a template.
//
//   Value sum = binary(Operation::add, Value(int64_t{1}), Value(0.5), budget);       // 1.5
//
// Throw Error, in Python's words, for operands that an operator does not take, for division by zero, and for whole
// numbers of more than 64 bits.
#pragma once
#include "chat/jinja/syntax_tree.h"

namespace puna::jinja {

using Operation = Expression::Operation;

Value binary(Operation operation, const Value& a, const Value& b, Budget& budget);
Value negate(const Value& value);
bool compare(Operation operation, const Value& a, const Value& b, Budget& budget);
bool contains(const Value& container, const Value& item, Budget& budget);

// value[key]; none where Python has no such item.
std::optional<Value> item_of(const Value& value, const Value& key, Budget& budget);
// value[begin:end:step]; what is none was left out.
Value slice_of(const Value& value, const Value& begin, const Value& end, const Value& step, Budget& budget);

// What a loop walks through: items, keys, characters. Iterators are used up.
std::vector<Value> walk(const Value& value, Budget& budget);
size_t length_of(const Value& value);

}  // namespace puna::jinja
