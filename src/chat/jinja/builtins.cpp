#include "chat/jinja/builtins.h"

#include "chat/jinja/json.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/strftime.h"
#include "core/error.h"

#include <algorithm>

namespace puna::jinja {

using Kind = Value::Kind;

const Value& Call::need(size_t i) const {
    if (!given[i]) fail("argument {} is missing", i + 1);
    return *given[i];
}

int64_t Call::whole(size_t i, int64_t otherwise) const {
    if (!given[i]) return otherwise;
    std::optional<int64_t> number = given[i]->whole();
    if (!number) fail("argument {} must be a whole number, not '{}'", i + 1, type_name(*given[i]));
    return *number;
}

Text Call::text(size_t i) const {
    if (!need(i).is_text()) fail("argument {} must be a text, not '{}'", i + 1, type_name(need(i)));
    return need(i).text();
}

const Builtin* find_builtin(std::span<const Builtin> table, std::string_view name) {
    auto at = std::find_if(table.begin(), table.end(), [name](const Builtin& builtin) { return builtin.name == name; });
    return at == table.end() ? nullptr : &*at;
}

std::span<const Builtin> methods_of(const Value& value) {
    if (value.is_text()) return text_methods;
    if (value.is_list()) return list_methods;
    return value.is_dict() ? dict_methods : std::span<const Builtin>();
}

bool is_forbidden_method(const Value& value, std::string_view name) {
    constexpr std::string_view of_lists[] = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};
    constexpr std::string_view of_dicts[] = {"clear", "pop", "popitem", "setdefault", "update"};
    if (value.is_dict()) return std::find(std::begin(of_dicts), std::end(of_dicts), name) != std::end(of_dicts);
    bool is_list = value.is_list() && !value.list().is_tuple;
    return is_list && std::find(std::begin(of_lists), std::end(of_lists), name) != std::end(of_lists);
}

namespace {

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        size_t end = std::min(text.find(' '), text.size());
        words.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

}  // namespace

Value call_builtin(const Builtin& builtin, Renderer& renderer, Value self, Arguments arguments) {
    Call call{renderer, std::move(self), {}, {}};
    if (builtin.parameters == "*") {
        call.arguments = std::move(arguments);
        return builtin.run(call);
    }
    std::vector<std::string_view> parameters = words_of(builtin.parameters);
    if (arguments.positional.size() > parameters.size())
        fail("{} takes at most {} arguments, not {}", builtin.name, parameters.size(), arguments.positional.size());
    call.given.resize(parameters.size());
    for (size_t i = 0; i < arguments.positional.size(); ++i) call.given[i] = std::move(arguments.positional[i]);
    for (auto& [name, value] : arguments.named) {
        auto at = std::find(parameters.begin(), parameters.end(), name);
        if (at == parameters.end()) fail("{} has no argument '{}'", builtin.name, printable(name));
        std::optional<Value>& place = call.given[static_cast<size_t>(at - parameters.begin())];
        if (place) fail("{} has two values for '{}'", builtin.name, name);
        place = std::move(value);
    }
    return builtin.run(call);
}

namespace {

// ---- functions

Value range(Call& call) {
    int64_t begin = call.has(1) ? call.whole(0, 0) : 0, end = call.whole(call.has(1) ? 1 : 0, 0),
            step = call.whole(2, 1);
    call.need(0);
    if (step == 0) fail("range() with a step of zero");
    std::vector<Value> numbers;
    for (int64_t n = begin; step > 0 ? n < end : n > end;) {
        if (static_cast<int64_t>(numbers.size()) == call.budget().limits().range)
            fail("range() of more than {} numbers", call.budget().limits().range);
        call.budget().step();
        numbers.emplace_back(n);
        if (__builtin_add_overflow(n, step, &n)) break;
    }
    return make_list(std::move(numbers), call.budget());
}

// What dict() and namespace() are called with: a dict or pairs, and named values.
Dict dict_of(Call& call) {
    Dict dict;
    if (call.arguments.positional.size() > 1) fail("more than one argument without a name");
    if (!call.arguments.positional.empty()) {
        const Value& from = call.arguments.positional[0];
        if (from.is_dict()) dict = from.dict();
        for (const Value& pair : from.is_dict() ? std::vector<Value>() : walk(from, call.budget())) {
            std::vector<Value> both = walk(pair, call.budget());
            if (both.size() != 2) fail("a dict is made of pairs");
            dict.set(both[0], both[1], call.budget());
        }
    }
    for (auto& [name, value] : call.arguments.named) dict.set(text_of(name), std::move(value), call.budget());
    return dict;
}

Value dict(Call& call) { return make_dict(dict_of(call), call.budget()); }

Value name_space(Call& call) {
    Namespace& made = call.renderer.new_namespace();
    call.budget().write(64);
    Dict given = dict_of(call);
    for (const auto& [name, value] : given.items()) made.values.emplace_back(to_text(name, call.budget()), value);
    return &made;
}

Value raise_exception(Call& call) { fail("{}", printable(encode_utf8(to_text(call.need(0), call.budget())), 1000)); }

Value strftime_now(Call& call) { return format_time(call.text(0), call.renderer.now()); }

constexpr Builtin function_table[] = {
    {"range", "start stop step", range},      {"dict", "*", dict},
    {"namespace", "*", name_space},           {"raise_exception", "message", raise_exception},
    {"strftime_now", "format", strftime_now},
};

// ---- methods of lists and dicts

Value list_count(Call& call) {
    int64_t n = 0;
    for (const Value& item : call.self.items()) n += equal(item, call.need(0), call.budget());
    return n;
}

Value list_index(Call& call) {
    const std::vector<Value>& items = call.self.items();
    for (size_t i = 0; i < items.size(); ++i)
        if (equal(items[i], call.need(0), call.budget())) return static_cast<int64_t>(i);
    fail("the value is not in the list");
}

Value same(Call& call) { return call.self; }

Value dict_get(Call& call) {
    std::optional<Value> found = item_of(call.self, call.need(0), call.budget());
    return found ? *found : call.get(1, None{});
}

Value dict_keys(Call& call) { return make_list(walk(call.self, call.budget()), call.budget()); }

Value dict_values(Call& call) {
    std::vector<Value> values;
    for (const auto& [key, value] : call.self.dict().items()) values.push_back(value);
    return make_list(std::move(values), call.budget());
}

Value dict_items(Call& call) {
    std::vector<Value> pairs;
    for (const auto& [key, value] : call.self.dict().items())
        pairs.push_back(make_list({key, value}, call.budget(), true));
    return make_list(std::move(pairs), call.budget());
}

constexpr Builtin list_table[] = {
    {"count", "value", list_count},
    {"index", "value", list_index},
    {"copy", "", same},
};

constexpr Builtin dict_table[] = {
    {"get", "key default", dict_get}, {"keys", "", dict_keys}, {"values", "", dict_values},
    {"items", "", dict_items},        {"copy", "", same},
};

}  // namespace

const std::span<const Builtin> functions = function_table;
const std::span<const Builtin> list_methods = list_table;
const std::span<const Builtin> dict_methods = dict_table;

}  // namespace puna::jinja
