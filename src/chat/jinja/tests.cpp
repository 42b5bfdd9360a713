// Jinja2's built-in tests, {{ value is test(argument) }}; not unit tests.
#include "chat/jinja/builtins.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/python_str.h"
#include "core/error.h"

#include <algorithm>

namespace puna::jinja {

using Kind = Value::Kind;

namespace {

template <Kind kind>
Value is_kind(Call& call) {
    return call.self.is(kind);
}

Value is_defined(Call& call) { return !call.self.is_undefined(); }
Value is_literal_true(Call& call) { return call.self.is(Kind::boolean) && call.self.boolean(); }
Value is_literal_false(Call& call) { return call.self.is(Kind::boolean) && !call.self.boolean(); }
Value is_integer(Call& call) { return call.self.is(Kind::integer) || call.self.is(Kind::big_integer); }
Value is_number(Call& call) { return call.self.as_double().has_value(); }
Value is_callable(Call& call) {
    return call.self.is(Kind::function) || call.self.is(Kind::loop) || call.self.is_undefined();
}

bool has_items(const Value& value) {
    return value.is_text() || value.is_list() || value.is_dict() || value.is_undefined();
}
Value is_sequence(Call& call) {
    return has_items(call.self) && !(call.self.is_list() && call.self.list().kind == ListKind::view);
}
Value is_iterable(Call& call) {
    return has_items(call.self) || call.self.is(Kind::iterator) || call.self.is(Kind::loop);
}

template <LetterCase wanted>
Value is_case(Call& call) {
    const Builtin* method = find_builtin(str_methods, wanted == LetterCase::upper ? "isupper" : "islower");
    return call_builtin(*method, call.renderer, call.self_text(), {});
}

bool has_remainder(Call& call, const Value& divisor, int64_t remainder) {
    return equal(binary(Operation::modulo, call.self, divisor, call.budget()), Value(remainder), call.budget());
}
Value is_even(Call& call) { return has_remainder(call, Value(int64_t{2}), 0); }
Value is_odd(Call& call) { return has_remainder(call, Value(int64_t{2}), 1); }
Value is_divisible(Call& call) { return has_remainder(call, call.required(0), 0); }

template <Operation operation>
Value compares(Call& call) {
    return compare(operation, call.self, call.required(0), call.budget());
}

Value is_same_as(Call& call) { return call.self.is_same(call.required(0)); }

Value is_markup(Call& call) { return call.self.is_text() && is_escaped(call.self.text()); }

template <const std::span<const Builtin>* table>
Value is_builtin(Call& call) {
    constexpr size_t max_name = 32;
    bool may_be = call.self.is_text() && call.self.text().size() <= max_name;
    return may_be && find_builtin(*table, encode_utf8(call.self.text())) != nullptr;
}

constexpr Builtin table[] = {
    {"!=", "other", compares<Operation::not_equal>},
    {"<", "other", compares<Operation::less>},
    {"<=", "other", compares<Operation::less_equal>},
    {"==", "other", compares<Operation::equal>},
    {">", "other", compares<Operation::greater>},
    {">=", "other", compares<Operation::greater_equal>},
    {"boolean", "", is_kind<Kind::boolean>},
    {"callable", "", is_callable},
    {"defined", "", is_defined},
    {"divisibleby", "num", is_divisible},
    {"eq", "other", compares<Operation::equal>},
    {"equalto", "other", compares<Operation::equal>},
    {"escaped", "", is_markup},
    {"even", "", is_even},
    {"false", "", is_literal_false},
    {"filter", "", is_builtin<&filters>},
    {"float", "", is_kind<Kind::floating>},
    {"ge", "other", compares<Operation::greater_equal>},
    {"greaterthan", "other", compares<Operation::greater>},
    {"gt", "other", compares<Operation::greater>},
    {"in", "seq", compares<Operation::in>},
    {"integer", "", is_integer},
    {"iterable", "", is_iterable},
    {"le", "other", compares<Operation::less_equal>},
    {"lessthan", "other", compares<Operation::less>},
    {"lower", "", is_case<LetterCase::lower>},
    {"lt", "other", compares<Operation::less>},
    {"mapping", "", is_kind<Kind::dict>},
    {"ne", "other", compares<Operation::not_equal>},
    {"none", "", is_kind<Kind::none>},
    {"number", "", is_number},
    {"odd", "", is_odd},
    {"sameas", "other", is_same_as},
    {"sequence", "", is_sequence},
    {"string", "", is_kind<Kind::text>},
    {"test", "", is_builtin<&tests>},
    {"true", "", is_literal_true},
    {"undefined", "", is_kind<Kind::undefined>},
    {"upper", "", is_case<LetterCase::upper>},
};

}  // namespace

const std::span<const Builtin> tests = table;

}  // namespace puna::jinja
