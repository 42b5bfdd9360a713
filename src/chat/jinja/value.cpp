#include "chat/jinja/value.h"

#include "chat/jinja/python_str.h"
#include "chat/jinja/renderer.h"
#include "core/error.h"
#include "core/hash.h"

#include <algorithm>
#include <cmath>

namespace puna::jinja {

using Kind = Value::Kind;

void Value::throw_wrong_kind() const {
    throw_bug(fmt::format("a {} was accessed as another kind of value", type_name(*this)));
}

const std::vector<Value>& Value::items() const {
    const List& held = list();
    if (held.trace) held.trace->depends_on_later = true;
    return held.items;
}

std::optional<int64_t> Value::as_integer() const {
    if (is(Kind::boolean)) return boolean() ? 1 : 0;
    if (is(Kind::integer)) return integer();
    return {};
}

std::optional<double> Value::as_double() const {
    if (is(Kind::floating)) return floating();
    if (std::optional<int64_t> n = as_integer()) return static_cast<double>(*n);
    if (is(Kind::big_integer)) return std::strtod(digits().c_str(), nullptr);
    return {};
}

bool Value::is_same(const Value& other) const {
    if (kind() != other.kind()) return false;
    switch (kind()) {
        case Kind::undefined:
        case Kind::none:
            return true;
        case Kind::boolean:
            return boolean() == other.boolean();
        case Kind::integer:
            return integer() == other.integer();
        case Kind::text:
            return &text() == &other.text();
        case Kind::list:
            return &list() == &other.list();
        case Kind::dict:
            return &dict() == &other.dict();
        case Kind::iterator:
            return &iterator() == &other.iterator();
        case Kind::name_space:
            return &name_space() == &other.name_space();
        case Kind::function:
            return &function() == &other.function();
        case Kind::loop:
            return loop() == other.loop();
        default:
            return false;
    }
}

int depth_of(const Value& value) {
    switch (value.kind()) {
        case Kind::list:
            return value.list().depth;
        case Kind::dict:
            return value.dict().depth;
        case Kind::iterator:
            return value.iterator().depth;
        case Kind::function:
            return value.function().depth;
        case Kind::loop:
            return value.loop()->depth;
        default:
            return 0;
    }
}

namespace {

int container_depth(int deepest_item, Budget& budget) {
    if (deepest_item >= budget.limits().depth) fail("lists and dicts nest more than {} deep", budget.limits().depth);
    return deepest_item + 1;
}

int container_depth(const std::vector<Value>& items, Budget& budget) {
    budget.step(items.size() / 8);
    budget.write(items.size() * item_size);
    int deepest = 0;
    for (const Value& item : items) deepest = std::max(deepest, depth_of(item));
    return container_depth(deepest, budget);
}

}  // namespace

Value make_list(std::vector<Value> items, Budget& budget, ListKind kind) {
    int depth = container_depth(items, budget);
    return std::make_shared<const List>(List{std::move(items), kind, depth});
}

Value make_iterator(std::vector<Value> items, Budget& budget) {
    int depth = container_depth(items, budget);
    return std::make_shared<Iterator>(Iterator{std::move(items), 0, depth});
}

Value make_dict(Dict dict, Budget& budget) {
    int deepest = 0;
    budget.write(dict.items().size() * 4 * item_size);
    for (const auto& [key, value] : dict.items()) deepest = std::max({deepest, depth_of(key), depth_of(value)});
    dict.depth = container_depth(deepest, budget);
    return std::make_shared<const Dict>(std::move(dict));
}

std::optional<size_t> Dict::index_of(const Value& key, size_t hash, Budget& budget) const {
    auto [at, end] = indices_.equal_range(hash);
    for (; at != end; ++at)
        if (equal(items_[at->second].first, key, budget)) return at->second;
    return {};
}

const Value* Dict::find(const Value& key, Budget& budget) const {
    std::optional<size_t> index = index_of(key, hash_of(key, budget), budget);
    return index ? &items_[*index].second : nullptr;
}

void Dict::set(Value key, Value value, Budget& budget) {
    size_t hash = hash_of(key, budget);
    if (std::optional<size_t> index = index_of(key, hash, budget)) {
        items_[*index].second = std::move(value);
        return;
    }
    indices_.emplace(hash, items_.size());
    items_.emplace_back(std::move(key), std::move(value));
}

void require_defined(const Value& value) {
    if (!value.is_undefined()) return;
    const std::shared_ptr<const Text>& name = value.undefined_name();
    fail("'{}' is undefined", name ? printable(encode_utf8(*name)) : "a value");
}

namespace {

std::string_view list_name(ListKind kind) {
    switch (kind) {
        case ListKind::list:
            return "list";
        case ListKind::range:
            return "range";
        case ListKind::view:
            return "dict view";
        default:
            return "tuple";
    }
}

}  // namespace

std::string_view type_name(const Value& value) {
    switch (value.kind()) {
        case Kind::undefined:
            return "Undefined";
        case Kind::none:
            return "NoneType";
        case Kind::boolean:
            return "bool";
        case Kind::integer:
        case Kind::big_integer:
            return "int";
        case Kind::floating:
            return "float";
        case Kind::text:
            return "str";
        case Kind::list:
            return list_name(value.list().kind);
        case Kind::dict:
            return "dict";
        case Kind::iterator:
            return "generator";
        case Kind::name_space:
            return "Namespace";
        case Kind::function:
            return "function";
        case Kind::loop:
            return "LoopContext";
    }
    return "";
}

bool is_true(const Value& value) {
    switch (value.kind()) {
        case Kind::undefined:
        case Kind::none:
            return false;
        case Kind::boolean:
            return value.boolean();
        case Kind::integer:
            return value.integer() != 0;
        case Kind::floating:
            return value.floating() != 0;
        case Kind::text:
            return !value.text().empty();
        case Kind::list:
            return !value.list().items.empty();
        case Kind::dict:
            return !value.dict().items().empty();
        default:
            return true;
    }
}

namespace {

bool equal_lists(const Value& a, const Value& b, Budget& budget) {
    const std::vector<Value>&left = a.items(), &right = b.items();
    if (type_name(a) != type_name(b) || left.size() != right.size()) return false;
    if (a.list().kind == ListKind::view) fail("comparing views of dicts is not supported: use `| list`");
    for (size_t i = 0; i < left.size(); ++i)
        if (!equal(left[i], right[i], budget)) return false;
    return true;
}

bool equal_dicts(const Dict& a, const Dict& b, Budget& budget) {
    if (a.items().size() != b.items().size()) return false;
    for (const auto& [key, value] : a.items()) {
        const Value* other = b.find(key, budget);
        if (!other || !equal(value, *other, budget)) return false;
    }
    return true;
}

// Whole numbers in decimal.
std::strong_ordering compare_digits(std::string_view a, std::string_view b) {
    bool negative = a.starts_with('-');
    if (negative != b.starts_with('-')) return negative ? std::strong_ordering::less : std::strong_ordering::greater;
    std::strong_ordering order = a.size() != b.size() ? a.size() <=> b.size() : a <=> b;
    return negative ? 0 <=> order : order;
}

std::string digits_of(const Value& number) {
    if (number.is(Kind::big_integer)) return number.digits();
    if (std::optional<int64_t> n = number.as_integer()) return fmt::format("{}", *n);
    return fmt::format("{:.0f}", number.floating() + 0.0);  // -0 is 0
}

// Exactly, as Python compares floats with integers of any size.
std::partial_ordering compare_numbers(const Value& a, const Value& b) {
    if (a.as_integer() && b.as_integer()) return *a.as_integer() <=> *b.as_integer();
    double x = *a.as_double(), y = *b.as_double();
    bool floating_a = a.is(Kind::floating), floating_b = b.is(Kind::floating);
    if (x != y || (floating_a && floating_b)) return x <=> y;
    // An integer was rounded to a double that equals the other number.
    if (!std::isinf(x)) return compare_digits(digits_of(a), digits_of(b));
    if (!floating_a && !floating_b) return compare_digits(a.digits(), b.digits());
    return floating_a == (x > 0) ? std::partial_ordering::greater : std::partial_ordering::less;
}

}  // namespace

bool equal(const Value& a, const Value& b, Budget& budget) {
    budget.step();
    if (a.is_same(b)) return true;
    if (a.as_double() && b.as_double()) return compare_numbers(a, b) == 0;
    if (a.kind() != b.kind()) return false;
    if (a.is_text()) {
        budget.search(std::min(a.text().size(), b.text().size()));
        return a.text() == b.text();
    }
    if (a.is_list()) return equal_lists(a, b, budget);
    return a.is_dict() && equal_dicts(a.dict(), b.dict(), budget);
}

bool less(const Value& a, const Value& b, Budget& budget) {
    budget.step();
    if (a.as_double() && b.as_double()) return compare_numbers(a, b) < 0;
    if (a.is_text() && b.is_text()) {
        budget.search(std::min(a.text().size(), b.text().size()));
        return a.text() < b.text();
    }
    bool ordered = a.is_list() && (a.list().kind == ListKind::list || a.list().is_tuple());
    if (!ordered || type_name(a) != type_name(b))
        fail("'<' not supported between '{}' and '{}'", type_name(a), type_name(b));
    const std::vector<Value>&left = a.items(), &right = b.items();
    for (size_t i = 0; i < std::min(left.size(), right.size()); ++i)
        if (!equal(left[i], right[i], budget)) return less(left[i], right[i], budget);
    return left.size() < right.size();
}

namespace {

size_t combine(size_t hash, size_t more) { return mix_bits(hash ^ more); }

}  // namespace

size_t hash_of(const Value& value, Budget& budget) {
    if (std::optional<double> number = value.as_double()) return combine(1, std::hash<double>()(*number));
    if (value.is_text()) {
        budget.search(value.text().size());
        size_t hash = 2;
        for (char32_t c : value.text()) hash = combine(hash, code_of(c));
        return hash;
    }
    if (value.is_list() && value.list().is_tuple()) {
        budget.step(value.items().size());
        size_t hash = 3;
        for (const Value& item : value.items()) hash = combine(hash, hash_of(item, budget));
        return hash;
    }
    if (value.is_list() || value.is_dict()) fail("unhashable type: '{}' cannot be a key of a dict", type_name(value));
    return static_cast<size_t>(value.kind());
}

std::string float_repr(double number) {
    if (std::isnan(number)) return "nan";
    if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
    std::string text = fmt::format("{}", number);
    if (text.find_first_of(".e") == text.npos) text += ".0";
    return text;
}

namespace {

Text tainted_text(std::string_view ascii) { return decode_utf8(ascii, from_value); }

void append_list(Text& out, const Value& value, Budget& budget) {
    bool is_tuple = value.list().is_tuple();
    if (!is_tuple && value.list().kind != ListKind::list)
        fail("printing a {} is not supported: use `| list`", type_name(value));
    out += tainted_text(is_tuple ? "(" : "[");
    for (size_t i = 0; i < value.items().size(); ++i) {
        if (i > 0) out += tainted_text(", ");
        out += repr(value.items()[i], budget);
    }
    if (is_tuple && value.items().size() == 1) out += tainted_text(",");
    out += tainted_text(is_tuple ? ")" : "]");
}

void append_dict(Text& out, const Dict& dict, Budget& budget) {
    out += tainted_text("{");
    for (const auto& [key, value] : dict.items()) {
        if (out.size() > 1) out += tainted_text(", ");
        out += repr(key, budget) + tainted_text(": ") + repr(value, budget);
    }
    out += tainted_text("}");
}

}  // namespace

Text repr(const Value& value, Budget& budget) {
    budget.step();
    Text out;
    switch (value.kind()) {
        case Kind::undefined:
            return tainted_text("Undefined");
        case Kind::none:
            return tainted_text("None");
        case Kind::boolean:
            return tainted_text(value.boolean() ? "True" : "False");
        case Kind::integer:
            return tainted_text(fmt::format("{}", value.integer()));
        case Kind::big_integer:
            return tainted_text(value.digits());
        case Kind::floating:
            return tainted_text(float_repr(value.floating()));
        case Kind::text:
            out = tainted(repr(value.text()));
            if (is_escaped(value.text())) out = tainted_text("Markup(") + out + tainted_text(")");
            break;
        case Kind::list:
            append_list(out, value, budget);
            break;
        case Kind::dict:
            append_dict(out, value.dict(), budget);
            break;
        default:
            fail("a '{}' has no text form", type_name(value));
    }
    budget.write(out.size());
    return as_one_message(std::move(out));
}

Text to_text(const Value& value, Budget& budget) {
    if (value.is_undefined()) return {};
    if (!value.is_text()) return repr(value, budget);
    budget.search(value.text().size());  // the copy
    return value.text();
}

}  // namespace puna::jinja
