#include "chat/jinja/sequences.h"

#include "core/error.h"

#include <algorithm>

namespace puna::jinja {

using Kind = Value::Kind;

namespace {

// The position in a sequence of n items of an index that, if negative, counts from the end; none if out of range.
std::optional<size_t> position_of(int64_t index, size_t n) {
    int64_t size = static_cast<int64_t>(n);
    if (index < 0) index += size;
    if (index < 0 || index >= size) return {};
    return static_cast<size_t>(index);
}

std::optional<Value> list_item(const List& list, int64_t index) {
    if (list.trace && index != 0) list.trace->depends_on_later = true;  // the length matters
    std::optional<size_t> position = position_of(index, list.items.size());
    return position ? std::optional(list.items[*position]) : std::nullopt;
}

}  // namespace

std::optional<Value> find_item(const Value& value, const Value& key, Budget& budget) {
    if (value.is_dict()) {
        if (key.is_dict() || (key.is_list() && !key.list().is_tuple())) return {};
        const Value* found = value.dict().find(key, budget);
        return found ? std::optional(*found) : std::nullopt;
    }
    std::optional<int64_t> index = key.as_integer();
    if (!index) return {};
    if (value.is_list() && value.list().kind == ListKind::view) return {};
    if (value.is_list()) return list_item(value.list(), *index);
    if (!value.is_text()) return {};
    std::optional<size_t> position = position_of(*index, value.text().size());
    return position ? std::optional<Value>(Text(1, value.text()[*position])) : std::nullopt;
}

namespace {

struct SliceRange {
    int64_t begin, end, step;

    // Calls f with each index, in order.
    template <class F>
    void for_each(F f) const {
        if (step > 0)
            for (int64_t i = begin; i < end; i += step) f(static_cast<size_t>(i));
        else
            for (int64_t i = begin; i > end; i += step) f(static_cast<size_t>(i));
    }
};

std::optional<int64_t> slice_part(const Value& value) {
    if (value.is_none()) return {};
    if (!value.as_integer()) fail("slice indices must be integers, not '{}'", type_name(value));
    return value.as_integer();
}

SliceRange resolve(const Value& begin, const Value& end, const Value& step, size_t n) {
    int64_t size = static_cast<int64_t>(n), stride = slice_part(step).value_or(1);
    if (stride == 0) fail("slice step cannot be zero");
    stride = std::clamp(stride, -size - 1, size + 1);
    int64_t lowest = stride > 0 ? 0 : -1, highest = stride > 0 ? size : size - 1;
    auto bound = [&](const Value& value, int64_t omitted) {
        std::optional<int64_t> given = slice_part(value);
        if (!given) return omitted;
        return std::clamp(*given < 0 ? *given + size : *given, lowest, highest);
    };
    return {bound(begin, stride > 0 ? lowest : highest), bound(end, stride > 0 ? highest : lowest), stride};
}

// A slice of traced messages that only drops the first one (a system message) is traced too.
Value slice_of_traced(const List& list, const Value& begin, const Value& end, const Value& step) {
    std::vector<Value> items;
    resolve(begin, end, step, list.items.size()).for_each([&](size_t i) { items.push_back(list.items[i]); });
    int64_t first = begin.as_integer().value_or(0);
    bool is_rest = first == 0 || (first == 1 && list.items.size() == list.trace->messages);
    if (!is_rest || !end.is_none() || !(step.is_none() || step.as_integer() == 1)) list.trace->depends_on_later = true;
    return std::make_shared<const List>(List{std::move(items), list.kind, list.depth, list.trace});
}

}  // namespace

Value slice(const Value& value, const Value& begin, const Value& end, const Value& step, Budget& budget) {
    require_defined(value);
    if (value.is_text()) {
        SliceRange range = resolve(begin, end, step, value.text().size());
        Text part;
        if (range.step == 1 && range.begin < range.end)
            part = value.text().substr(static_cast<size_t>(range.begin), static_cast<size_t>(range.end - range.begin));
        else
            range.for_each([&](size_t i) { part.push_back(value.text()[i]); });
        budget.write(part.size());
        return part;
    }
    if (!value.is_list() || value.list().kind == ListKind::view) fail("a '{}' cannot be sliced", type_name(value));
    if (value.list().trace) {
        budget.write(value.list().items.size());
        return slice_of_traced(value.list(), begin, end, step);
    }
    std::vector<Value> part;
    resolve(begin, end, step, value.items().size()).for_each([&](size_t i) { part.push_back(value.items()[i]); });
    return make_list(std::move(part), budget,
                     value.list().kind == ListKind::group ? ListKind::tuple : value.list().kind);
}

namespace {

std::vector<Value> characters_of(const Text& text, Budget& budget) {
    budget.write(8 * text.size());
    std::vector<Value> characters;
    for (char32_t c : text) characters.emplace_back(Text(1, c & ~escaped));  // those of Markup are none
    return characters;
}

std::vector<Value> keys_of(const Dict& dict) {
    std::vector<Value> keys;
    for (const auto& [key, value] : dict.items()) keys.push_back(key);
    return keys;
}

}  // namespace

std::vector<Value> iterate(const Value& value, Budget& budget) {
    if (value.is_undefined()) return {};
    if (value.is_text()) return characters_of(value.text(), budget);
    if (value.is(Kind::iterator)) {
        Iterator& iterator = value.iterator();
        size_t begin = std::exchange(iterator.next, iterator.items.size());
        budget.step(iterator.items.size() - begin);
        return {iterator.items.begin() + static_cast<ptrdiff_t>(begin), iterator.items.end()};
    }
    if (value.is_dict()) {
        budget.step(value.dict().items().size());
        return keys_of(value.dict());
    }
    if (!value.is_list()) fail("'{}' object is not iterable", type_name(value));
    budget.step(value.items().size());
    return value.items();
}

std::vector<Value> items_of(const Dict& dict, Budget& budget) {
    std::vector<Value> pairs;
    for (const auto& [key, value] : dict.items()) pairs.push_back(make_list({key, value}, budget, ListKind::tuple));
    return pairs;
}

size_t length_of(const Value& value) {
    if (value.is_undefined()) return 0;
    if (value.is_text()) return value.text().size();
    if (value.is_list()) return value.items().size();
    if (value.is_dict()) return value.dict().items().size();
    fail("object of type '{}' has no length", type_name(value));
}

}  // namespace puna::jinja
