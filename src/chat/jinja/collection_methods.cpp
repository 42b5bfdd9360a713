// The methods of lists and dicts that a template can call, as in Python; those that would change them are forbidden
// (is_mutating_method).
#include "chat/jinja/builtins.h"
#include "chat/jinja/sequences.h"
#include "core/error.h"

namespace puna::jinja {

namespace {

Value list_count(Call& call) {
    int64_t n = 0;
    for (const Value& item : call.self.items()) n += equal(item, call.required(0), call.budget());
    return n;
}

Value list_index(Call& call) {
    const std::vector<Value>& items = call.self.items();
    for (size_t i = 0; i < items.size(); ++i)
        if (equal(items[i], call.required(0), call.budget())) return static_cast<int64_t>(i);
    fail("index: the value is not in the list");
}

Value copy(Call& call) { return call.self; }  // values are immutable

Value dict_get(Call& call) {
    std::optional<Value> found = find_item(call.self, call.required(0), call.budget());
    return found ? *found : call.value_or(1, None{});
}

Value view_of(std::vector<Value> items, Call& call) {
    return make_list(std::move(items), call.budget(), ListKind::view);
}

Value dict_keys(Call& call) { return view_of(iterate(call.self, call.budget()), call); }

Value dict_values(Call& call) {
    std::vector<Value> values;
    for (const auto& [key, value] : call.self.dict().items()) values.push_back(value);
    return view_of(std::move(values), call);
}

Value dict_items(Call& call) { return view_of(items_of(call.self.dict(), call.budget()), call); }

constexpr Builtin list_table[] = {
    {"count", "value", list_count},
    {"index", "value", list_index},
    {"copy", "", copy},
};

constexpr Builtin dict_table[] = {
    {"get", "key default", dict_get}, {"keys", "", dict_keys}, {"values", "", dict_values},
    {"items", "", dict_items},        {"copy", "", copy},
};

}  // namespace

const std::span<const Builtin> list_methods = list_table;
const std::span<const Builtin> dict_methods = dict_table;

}  // namespace puna::jinja
