#include "chat/jinja/operators.h"

#include "chat/jinja/python_format.h"
#include "chat/jinja/python_str.h"
#include "chat/jinja/sequences.h"
#include "core/checked.h"
#include "core/error.h"

#include <algorithm>
#include <cmath>

namespace puna::jinja {

using Kind = Value::Kind;

namespace {

[[noreturn]] void fail_overflow() { fail("integers of more than 64 bits are not supported in arithmetic"); }

int64_t check_overflow(std::optional<int64_t> result) {
    if (!result) fail_overflow();
    return *result;
}

std::string_view symbol_of(Operation operation) {
    switch (operation) {
        case Operation::add:
            return "+";
        case Operation::subtract:
            return "-";
        case Operation::multiply:
            return "*";
        case Operation::divide:
            return "/";
        case Operation::floor_divide:
            return "//";
        case Operation::modulo:
            return "%";
        default:
            return "**";
    }
}

// Rounds towards minus infinity, as Python's // and %.
int64_t floor_divide(int64_t a, int64_t b) {
    if (a == INT64_MIN && b == -1) fail_overflow();
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
int64_t floor_modulo(int64_t a, int64_t b) {
    if (b == -1) return 0;
    int64_t rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
double floor_modulo(double a, double b) {
    double rest = std::fmod(a, b);
    if (rest == 0) return std::copysign(0.0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}
// As CPython's float_divmod: rounding a / b down would give 10 for 1 // 0.1.
double floor_divide(double a, double b) {
    double rest = std::fmod(a, b), quotient = (a - rest) / b;
    if (rest != 0 && (rest < 0) != (b < 0)) quotient -= 1;
    if (quotient == 0) return std::copysign(0.0, a / b);
    double whole = std::floor(quotient);
    return quotient - whole > 0.5 ? whole + 1 : whole;
}

double float_power(double a, double b) {
    double result = std::pow(a, b);
    if (std::isnan(result) && !std::isnan(a) && !std::isnan(b)) fail("complex numbers are not supported");
    if (std::isinf(result) && !std::isinf(a) && !std::isinf(b)) fail("the result of ** is too large");
    return result;
}

Value integer_power(int64_t base, int64_t exponent) {
    if (exponent < 0) return float_power(static_cast<double>(base), static_cast<double>(exponent));
    if (base == 0 || base == 1) return exponent == 0 ? int64_t{1} : base;
    if (base == -1) return exponent % 2 == 0 ? int64_t{1} : int64_t{-1};
    int64_t result = 1;
    for (; exponent > 0; --exponent) result = check_overflow(checked_multiply(result, base));  // at most 63 times
    return result;
}

Value integer_arithmetic(Operation operation, int64_t a, int64_t b) {
    int64_t result;
    switch (operation) {
        case Operation::add:
            return check_overflow(checked_add(a, b));
        case Operation::subtract:
            if (__builtin_sub_overflow(a, b, &result)) fail_overflow();
            return result;
        case Operation::multiply:
            return check_overflow(checked_multiply(a, b));
        case Operation::divide:
            return static_cast<double>(a) / static_cast<double>(b);
        case Operation::floor_divide:
            return floor_divide(a, b);
        case Operation::modulo:
            return floor_modulo(a, b);
        default:
            return integer_power(a, b);
    }
}

Value float_arithmetic(Operation operation, double a, double b) {
    switch (operation) {
        case Operation::add:
            return a + b;
        case Operation::subtract:
            return a - b;
        case Operation::multiply:
            return a * b;
        case Operation::divide:
            return a / b;
        case Operation::floor_divide:
            return floor_divide(a, b);
        case Operation::modulo:
            return floor_modulo(a, b);
        default:
            return float_power(a, b);
    }
}

// Repetitions of a string or list of `size` items, at least 0.
size_t repetitions(int64_t count, size_t size) {
    if (count <= 0 || size == 0) return 0;
    std::optional<size_t> total = checked_multiply(static_cast<size_t>(count), size);
    if (!total) fail("a string or list repeated {} times is too long", count);
    return static_cast<size_t>(count);
}

Value repeat(const Value& value, int64_t count, Budget& budget) {
    if (value.is_text()) {
        size_t n = repetitions(count, value.text().size());
        budget.write(n * value.text().size());
        Text text;
        for (size_t i = 0; i < n; ++i) text += value.text();
        return text;
    }
    size_t n = repetitions(count, value.items().size());
    if (n > 0) budget.write(n * value.items().size() * item_size);
    std::vector<Value> items;
    for (size_t i = 0; i < n; ++i) items.insert(items.end(), value.items().begin(), value.items().end());
    return make_list(std::move(items), budget, value.list().is_tuple() ? ListKind::tuple : ListKind::list);
}

// A string added to Markup is escaped, as in Jinja2.
Text add_texts(const Text& a, const Text& b, Budget& budget) {
    budget.write(a.size() + b.size());
    if (is_escaped(a) == is_escaped(b) || a.empty() || b.empty()) return a + b;
    budget.write(5 * (a.size() + b.size()));
    return is_escaped(a) ? a + escape_html(b) : escape_html(a) + b;
}

// + and * of strings and lists; none for other operands.
std::optional<Value> join_or_repeat(Operation operation, const Value& a, const Value& b, Budget& budget) {
    auto is_sum = [](const Value& value) {
        return value.is_list() && (value.list().kind == ListKind::list || value.list().is_tuple());
    };
    auto repeats = [is_sum](const Value& value) { return value.is_text() || is_sum(value); };
    if (operation == Operation::multiply && repeats(a) && b.as_integer()) return repeat(a, *b.as_integer(), budget);
    if (operation == Operation::multiply && repeats(b) && a.as_integer()) return repeat(b, *a.as_integer(), budget);
    if (operation != Operation::add) return {};
    if (a.is_text() && b.is_text()) return add_texts(a.text(), b.text(), budget);
    if (!is_sum(a) || !is_sum(b) || a.list().is_tuple() != b.list().is_tuple()) return {};
    std::vector<Value> items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
    return make_list(std::move(items), budget, a.list().is_tuple() ? ListKind::tuple : ListKind::list);
}

}  // namespace

Value binary(Operation operation, const Value& a, const Value& b, Budget& budget) {
    if (operation == Operation::modulo && a.is_text()) return format_percent(a.text(), b, budget);
    if (std::optional<Value> joined = join_or_repeat(operation, a, b, budget)) return *joined;
    require_defined(a);
    require_defined(b);
    bool big = a.is(Kind::big_integer) || b.is(Kind::big_integer);
    if (big && a.as_double() && b.as_double()) fail_overflow();
    if (!a.as_double() || !b.as_double())
        fail("unsupported operand types for {}: '{}' and '{}'", symbol_of(operation), type_name(a), type_name(b));
    bool divides =
        operation == Operation::divide || operation == Operation::floor_divide || operation == Operation::modulo;
    bool negative_power = operation == Operation::power && *b.as_double() < 0;
    if ((divides && *b.as_double() == 0) || (negative_power && *a.as_double() == 0)) fail("division by zero");
    if (a.as_integer() && b.as_integer()) return integer_arithmetic(operation, *a.as_integer(), *b.as_integer());
    return float_arithmetic(operation, *a.as_double(), *b.as_double());
}

Value negate(const Value& value) {
    require_defined(value);
    if (value.is(Kind::floating)) return -value.floating();
    if (value.is(Kind::big_integer)) {
        bool negative = value.digits().starts_with('-');
        return BigInteger{
            std::make_shared<const std::string>(negative ? value.digits().substr(1) : "-" + value.digits())};
    }
    if (!value.as_integer()) fail("bad operand type for unary -: '{}'", type_name(value));
    if (*value.as_integer() == INT64_MIN) fail_overflow();
    return -*value.as_integer();
}

namespace {

bool contains(const Value& container, const Value& item, Budget& budget) {
    if (container.is_text()) {
        if (!item.is_text()) fail("'in <string>' requires a string, not {}", type_name(item));
        budget.search(container.text().size(), item.text().size());
        return container.text().find(item.text()) != Text::npos;
    }
    if (container.is_dict()) return container.dict().find(item, budget) != nullptr;
    if (!container.is_list() && !container.is(Kind::iterator) && !container.is_undefined())
        fail("argument of type '{}' is not iterable", type_name(container));
    std::vector<Value> items = iterate(container, budget);
    return std::any_of(items.begin(), items.end(), [&](const Value& other) { return equal(other, item, budget); });
}

}  // namespace

bool compare(Operation operation, const Value& a, const Value& b, Budget& budget) {
    switch (operation) {
        case Operation::equal:
            return equal(a, b, budget);
        case Operation::not_equal:
            return !equal(a, b, budget);
        case Operation::in:
            return contains(b, a, budget);
        case Operation::not_in:
            return !contains(b, a, budget);
        default:
            break;
    }
    require_defined(a);
    require_defined(b);
    switch (operation) {
        case Operation::less:
            return less(a, b, budget);
        case Operation::greater:
            return less(b, a, budget);
        case Operation::less_equal:
            return less(a, b, budget) || equal(a, b, budget);
        default:
            return less(b, a, budget) || equal(a, b, budget);
    }
}

}  // namespace puna::jinja
