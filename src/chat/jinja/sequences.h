// chat/jinja/sequences.h — subscripts, slices and iteration of lists, strings and dicts, as in Python.
//
//   std::optional<Value> first = find_item(messages, Value(int64_t{0}), budget);
//   std::vector<Value> items = iterate(messages, budget);
//
// All throw Error for values that do not support the operation (TypeError), and if the budget is exceeded. Reading a
// list of traced messages (MessageTrace) beyond its first item marks it as depending on later messages.
#pragma once
#include "chat/jinja/value.h"

#include <optional>
#include <vector>

namespace puna::jinja {

// value[key]; none where Python raises KeyError, IndexError or TypeError, for which Jinja2 returns undefined.
std::optional<Value> find_item(const Value& value, const Value& key, Budget& budget);
// value[begin:end:step]; None: omitted.
Value slice(const Value& value, const Value& begin, const Value& end, const Value& step, Budget& budget);

// list(value): items, keys of a dict, characters of a string; empty for undefined. Consumes an iterator.
std::vector<Value> iterate(const Value& value, Budget& budget);
std::vector<Value> items_of(const Dict& dict, Budget& budget);  // dict.items(): tuples of key and value
size_t length_of(const Value& value);                           // len(value); 0 for undefined

}  // namespace puna::jinja
