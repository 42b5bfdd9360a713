#include "chat/jinja/builtins.h"

#include "core/error.h"

#include <algorithm>

namespace puna::jinja {

namespace {

std::vector<std::string_view> parameters_of(const Builtin& builtin) {
    std::vector<std::string_view> names;
    for (std::string_view rest = builtin.parameters; !rest.empty();) {
        size_t end = std::min(rest.find(' '), rest.size());
        names.push_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return names;
}

}  // namespace

void Call::fail_argument(size_t i, std::string_view problem) const {
    fail("{}: argument '{}' {}", builtin.name, parameters_of(builtin)[i], problem);
}

const Value& Call::required(size_t i) const {
    if (!values[i]) fail_argument(i, "is missing");
    return *values[i];
}

Text Call::text(size_t i) const {
    const Value& value = required(i);
    if (!value.is_text()) fail_argument(i, fmt::format("must be a string, not '{}'", type_name(value)));
    return value.text();
}

int64_t Call::integer(size_t i, int64_t fallback) const {
    if (!values[i]) return fallback;
    std::optional<int64_t> number = values[i]->as_integer();
    if (!number) fail_argument(i, fmt::format("must be an integer, not '{}'", type_name(*values[i])));
    return *number;
}

const Builtin* find_builtin(std::span<const Builtin> table, std::string_view name) {
    auto at = std::find_if(table.begin(), table.end(), [name](const Builtin& builtin) { return builtin.name == name; });
    return at == table.end() ? nullptr : &*at;
}

std::span<const Builtin> methods_of(const Value& value) {
    if (value.is_text()) return str_methods;
    if (value.is_list() && value.list().kind == ListKind::view) return {};
    if (value.is_list()) return list_methods;
    return value.is_dict() ? dict_methods : std::span<const Builtin>();
}

bool is_mutating_method(const Value& value, std::string_view name) {
    constexpr std::string_view of_lists[] = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};
    constexpr std::string_view of_dicts[] = {"clear", "pop", "popitem", "setdefault", "update"};
    if (value.is_dict()) return std::find(std::begin(of_dicts), std::end(of_dicts), name) != std::end(of_dicts);
    bool is_list = value.is_list() && value.list().kind == ListKind::list;
    return is_list && std::find(std::begin(of_lists), std::end(of_lists), name) != std::end(of_lists);
}

bool is_unsupported_attribute(const Value& value, std::string_view name) {
    using Names = std::span<const std::string_view>;
    constexpr std::string_view of_texts[] = {"casefold",  "encode",       "expandtabs", "format_map",
                                             "isdecimal", "isidentifier", "isnumeric",  "isprintable",
                                             "istitle",   "maketrans",    "translate"},
                               of_dicts[] = {"fromkeys"}, of_views[] = {"isdisjoint", "mapping"},
                               of_ranges[] = {"start", "stop", "step"},
                               of_numbers[] = {"as_integer_ratio", "bit_count",   "bit_length",
                                               "conjugate",        "denominator", "from_bytes",
                                               "fromhex",          "hex",         "imag",
                                               "is_integer",       "numerator",   "real",
                                               "to_bytes"},
                               of_functions[] = {"arguments",     "caller",          "catch_kwargs",
                                                 "catch_varargs", "explicit_caller", "name"};
    auto is_in = [name](Names names) { return std::find(names.begin(), names.end(), name) != names.end(); };
    if (value.is_text()) return is_in(of_texts);
    if (value.is_dict()) return is_in(of_dicts);
    if (value.is_list())
        return is_in(value.list().kind == ListKind::view    ? Names(of_views)
                     : value.list().kind == ListKind::range ? Names(of_ranges)
                                                            : Names());
    return value.as_double() ? is_in(of_numbers) : value.is(Value::Kind::function) && is_in(of_functions);
}

Value call_builtin(const Builtin& builtin, Renderer& renderer, Value self, Arguments arguments) {
    Call call{builtin, renderer, std::move(self), {}, {}};
    if (builtin.parameters == "*") {
        call.arguments = std::move(arguments);
        return builtin.run(call);
    }
    std::vector<std::string_view> parameters = parameters_of(builtin);
    if (arguments.positional.size() > parameters.size())
        fail("{}: takes at most {} arguments, not {}", builtin.name, parameters.size(), arguments.positional.size());
    call.values.resize(parameters.size());
    for (size_t i = 0; i < arguments.positional.size(); ++i) call.values[i] = std::move(arguments.positional[i]);
    for (auto& [keyword, value] : arguments.keyword) {
        std::string name = encode_utf8(keyword);
        auto at = std::find(parameters.begin(), parameters.end(), name);
        if (at == parameters.end()) fail("{}: unknown argument '{}'", builtin.name, printable(name));
        std::optional<Value>& slot = call.values[static_cast<size_t>(at - parameters.begin())];
        if (slot) fail("{}: two values for argument '{}'", builtin.name, name);
        slot = std::move(value);
    }
    return builtin.run(call);
}

Value call_method(const Builtin& method, Renderer& renderer, Value self, Arguments arguments) {
    if (self.is_text() && is_escaped(self.text()) && !(arguments.positional.empty() && arguments.keyword.empty()))
        fail("{}() with arguments of text that is marked as safe is not supported: use `| string` before it",
             method.name);
    return call_builtin(method, renderer, std::move(self), std::move(arguments));
}

std::optional<Value> take_keyword(Arguments& arguments, std::string_view name, Budget& budget) {
    budget.step(arguments.keyword.size() / 8);
    Text wanted = text_of(name);
    auto at = std::find_if(arguments.keyword.begin(), arguments.keyword.end(),
                           [&wanted](const auto& argument) { return argument.first == wanted; });
    if (at == arguments.keyword.end()) return {};
    Value value = std::move(at->second);
    arguments.keyword.erase(at);
    return value;
}

}  // namespace puna::jinja
