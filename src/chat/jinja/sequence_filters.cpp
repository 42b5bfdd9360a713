#include "chat/jinja/sequence_filters.h"

#include "chat/jinja/operators.h"
#include "chat/jinja/python_str.h"
#include "chat/jinja/sequences.h"
#include "core/error.h"

#include <algorithm>
#include <numeric>

namespace puna::jinja {

using Kind = Value::Kind;

namespace {

std::vector<Value> items_of(Call& call) { return iterate(call.self, call.budget()); }

// map and select accept None and the like as an empty sequence.
std::vector<Value> items_if_true(Call& call) { return is_true(call.self) ? items_of(call) : std::vector<Value>(); }

// Jinja2's make_attrgetter: follows a dotted path such as "function.name" or "0.role". Without a path the value itself.
Value follow_path(Call& call, Value value, const Value& path) {
    if (path.is_none() || path.is_undefined()) return value;
    if (!path.is_text()) return call.renderer.item(value, path);
    for (TextView name : split(path.text(), U".", no_limit, false)) {
        bool is_index = !name.empty() && std::all_of(name.begin(), name.end(), is_digit);
        int64_t index = is_index ? std::strtoll(encode_utf8(name).c_str(), nullptr, 10) : 0;
        value = call.renderer.item(value, is_index ? Value(index) : Value(Text(name)));
    }
    return value;
}

Value ignore_case(const Value& value, Call& call) {
    if (!value.is_text()) return value;
    call.budget().write(value.text().size());
    return to_lower(value.text());
}

// The keys to sort or compare the items by.
std::vector<Value> keys_of(Call& call, const std::vector<Value>& items, const Value& attribute, bool case_sensitive) {
    std::vector<Value> keys;
    for (const Value& item : items) {
        Value key = follow_path(call, item, attribute);
        keys.push_back(case_sensitive ? key : ignore_case(key, call));
    }
    return keys;
}

// Indices of the keys in ascending order (reverse: descending). Stable.
std::vector<size_t> sorted_indices(Call& call, const std::vector<Value>& keys, bool reverse) {
    std::vector<size_t> indices(keys.size());
    std::iota(indices.begin(), indices.end(), size_t{0});
    std::stable_sort(indices.begin(), indices.end(), [&](size_t a, size_t b) {
        return reverse ? less(keys[b], keys[a], call.budget()) : less(keys[a], keys[b], call.budget());
    });
    return indices;
}

std::vector<Value> permute(const std::vector<Value>& items, const std::vector<size_t>& indices) {
    std::vector<Value> permuted;
    for (size_t index : indices) permuted.push_back(items[index]);
    return permuted;
}

// The result of first, last, min and max for an empty sequence.
Value undefined_of_empty(Call& call) {
    return undefined_value(text_of(fmt::format("{} of an empty sequence", call.builtin.name)));
}

Value take_positional(Call& call, Arguments& arguments, std::string_view what) {
    if (arguments.positional.empty()) fail("{}: the {} is missing", call.builtin.name, what);
    Value value = std::move(arguments.positional.front());
    arguments.positional.erase(arguments.positional.begin());
    return value;
}

std::string take_name(Call& call, Arguments& arguments, std::string_view what) {
    Value name = take_positional(call, arguments, what);
    if (!name.is_text()) fail("{}: the {} must be a string, not '{}'", call.builtin.name, what, type_name(name));
    return encode_utf8(name.text());
}

// select, reject, selectattr, rejectattr: the items for which a test gives `wanted`; without a test their truth value.
Value select_items(Call& call, bool wanted, bool by_attribute) {
    Arguments arguments = call.arguments;
    Value path = by_attribute ? take_positional(call, arguments, "attribute") : Value(None{});
    std::string test = arguments.positional.empty() ? "" : take_name(call, arguments, "name of the test");
    std::vector<Value> selected;
    for (Value& item : items_if_true(call)) {
        Value subject = follow_path(call, item, path);
        bool passes = test.empty() ? is_true(subject) : call.renderer.test(test, subject, arguments);
        if (passes == wanted) selected.push_back(std::move(item));
    }
    return make_iterator(std::move(selected), call.budget());
}

Value find_extreme(Call& call, bool largest) {
    std::vector<Value> items = items_of(call);
    if (items.empty()) return undefined_of_empty(call);
    std::vector<Value> keys = keys_of(call, items, call.value_or(1, None{}), call.boolean(0, false));
    size_t best = 0;
    for (size_t i = 1; i < items.size(); ++i)
        if (largest ? less(keys[best], keys[i], call.budget()) : less(keys[i], keys[best], call.budget())) best = i;
    return items[best];
}

size_t positive_argument(Call& call) {
    int64_t n = call.integer(0, 0);
    if (n < 1) call.fail_argument(0, "must be 1 or more");
    return static_cast<size_t>(n);
}

}  // namespace

Value filter_select(Call& call) { return select_items(call, true, false); }
Value filter_reject(Call& call) { return select_items(call, false, false); }
Value filter_selectattr(Call& call) { return select_items(call, true, true); }
Value filter_rejectattr(Call& call) { return select_items(call, false, true); }
Value filter_min(Call& call) { return find_extreme(call, false); }
Value filter_max(Call& call) { return find_extreme(call, true); }
Value filter_list(Call& call) { return make_list(items_of(call), call.budget()); }

Value filter_map(Call& call) {
    Arguments arguments = call.arguments;
    std::vector<Value> mapped;
    if (std::optional<Value> path =
            arguments.positional.empty() ? take_keyword(arguments, "attribute", call.budget()) : std::nullopt) {
        std::optional<Value> fallback = take_keyword(arguments, "default", call.budget());
        if (!arguments.keyword.empty())
            fail("map: unknown argument '{}'", printable(encode_utf8(arguments.keyword[0].first)));
        for (const Value& item : items_if_true(call)) {
            Value found = follow_path(call, item, *path);
            mapped.push_back(found.is_undefined() && fallback ? *fallback : found);
        }
    } else {
        std::string name = take_name(call, arguments, "name of the filter");
        for (Value& item : items_if_true(call))
            mapped.push_back(call.renderer.filter(name, std::move(item), arguments));
    }
    return make_iterator(std::move(mapped), call.budget());
}

Value filter_first(Call& call) {
    if (call.self.is(Kind::iterator)) {
        Iterator& iterator = call.self.iterator();
        return iterator.next < iterator.items.size() ? iterator.items[iterator.next++] : undefined_of_empty(call);
    }
    std::vector<Value> items = items_of(call);
    return items.empty() ? undefined_of_empty(call) : items.front();
}

Value filter_last(Call& call) {
    if (call.self.is(Kind::iterator)) fail("last: not defined for a generator: use `| list | last`");
    std::vector<Value> items = items_of(call);
    return items.empty() ? undefined_of_empty(call) : items.back();
}

Value filter_reverse(Call& call) {
    std::vector<Value> items = items_of(call);
    std::reverse(items.begin(), items.end());
    if (!call.self.is_text()) return make_iterator(std::move(items), call.budget());
    Text text(call.self.text().rbegin(), call.self.text().rend());
    return text;
}

Value filter_join(Call& call) {
    Text separator = call.has(0) ? to_text(call.required(0), call.budget()) : Text(), joined;
    std::vector<Value> items = items_of(call);
    for (size_t i = 0; i < items.size(); ++i) {
        Text text = to_text(follow_path(call, items[i], call.value_or(1, None{})), call.budget());
        call.budget().write(text.size() + separator.size());
        if (i > 0) joined += separator;
        joined += text;
    }
    return without_flag(std::move(joined), escaped);
}

Value filter_items(Call& call) {
    if (call.self.is_undefined()) return make_iterator({}, call.budget());
    if (!call.self.is_dict()) fail("items: expected a dict, not '{}'", type_name(call.self));
    return make_iterator(items_of(call.self.dict(), call.budget()), call.budget());
}

Value filter_sort(Call& call) {
    std::vector<Value> items = items_of(call), keys(items.size());
    Value path = call.value_or(2, None{});
    std::vector<TextView> paths;
    if (path.is_text()) paths = split(path.text(), U",", no_limit, false);
    if (paths.size() <= 1) {
        keys = keys_of(call, items, path, call.boolean(1, false));
    } else {
        for (size_t i = 0; i < items.size(); ++i) {  // several attributes: compare tuples of keys
            std::vector<Value> parts;
            for (TextView one : paths)
                parts.push_back(keys_of(call, {items[i]}, Value(Text(one)), call.boolean(1, false))[0]);
            keys[i] = make_list(std::move(parts), call.budget());
        }
    }
    return make_list(permute(items, sorted_indices(call, keys, call.boolean(0, false))), call.budget());
}

Value filter_dictsort(Call& call) {
    Text by = call.has(1) ? call.text(1) : text_of("key");
    if (by != U"key" && by != U"value") call.fail_argument(1, "must be \"key\" or \"value\"");
    if (!call.self.is_dict()) fail("dictsort: expected a dict, not '{}'", type_name(call.self));
    std::vector<Value> pairs = items_of(call.self.dict(), call.budget());
    std::vector<Value> keys = keys_of(call, pairs, Value(int64_t{by == U"value"}), call.boolean(0, false));
    return make_list(permute(pairs, sorted_indices(call, keys, call.boolean(2, false))), call.budget());
}

Value filter_unique(Call& call) {
    std::vector<Value> items = items_of(call), unique;
    std::vector<Value> keys = keys_of(call, items, call.value_or(1, None{}), call.boolean(0, false));
    Dict seen;
    for (size_t i = 0; i < items.size(); ++i) {
        if (seen.find(keys[i], call.budget())) continue;
        seen.set(keys[i], None{}, call.budget());
        unique.push_back(items[i]);
    }
    return make_iterator(std::move(unique), call.budget());
}

Value filter_sum(Call& call) {
    Value total = call.value_or(1, int64_t{0});
    if (total.is_text()) fail("sum: cannot sum strings: use join");
    for (const Value& item : items_of(call))
        total = binary(Operation::add, total, follow_path(call, item, call.value_or(0, None{})), call.budget());
    return total;
}

Value filter_groupby(Call& call) {
    std::vector<Value> items = items_of(call), groupers;
    for (const Value& item : items) {
        Value key = follow_path(call, item, call.required(0));
        groupers.push_back(key.is_undefined() ? call.value_or(1, key) : key);
    }
    std::vector<Value> keys = groupers;
    if (!call.boolean(2, false))
        for (Value& key : keys) key = ignore_case(key, call);
    std::vector<Value> groups, group;
    std::vector<size_t> order = sorted_indices(call, keys, false);
    for (size_t i = 0; i < order.size(); ++i) {
        group.push_back(items[order[i]]);
        bool ends = i + 1 == order.size() || !equal(keys[order[i]], keys[order[i + 1]], call.budget());
        if (!ends) continue;
        size_t first = order[i + 1 - group.size()];
        groups.push_back(
            make_list({groupers[first], make_list(std::move(group), call.budget())}, call.budget(), ListKind::group));
        group.clear();
    }
    return make_list(std::move(groups), call.budget());
}

Value filter_batch(Call& call) {
    size_t size = positive_argument(call);
    std::vector<Value> items = items_of(call), batches;
    for (size_t at = 0; at < items.size(); at += std::min(size, items.size() - at)) {
        size_t n = std::min(size, items.size() - at);
        std::vector<Value> one(items.begin() + static_cast<ptrdiff_t>(at),
                               items.begin() + static_cast<ptrdiff_t>(at + n));
        if (n < size && call.has(1) && !call.required(1).is_none()) {
            call.budget().write(8 * (size - n));
            one.resize(size, call.required(1));
        }
        batches.push_back(make_list(std::move(one), call.budget()));
    }
    return make_iterator(std::move(batches), call.budget());
}

Value filter_slice(Call& call) {
    size_t slices = positive_argument(call);
    std::vector<Value> items = items_of(call), parts;
    size_t each = items.size() / slices, longer = items.size() % slices;
    call.budget().write(8 * slices);
    for (size_t i = 0, at = 0; i < slices; ++i) {
        size_t n = each + (i < longer);
        std::vector<Value> one(items.begin() + static_cast<ptrdiff_t>(at),
                               items.begin() + static_cast<ptrdiff_t>(at + n));
        at += n;
        if (i >= longer && call.has(1) && !call.required(1).is_none()) one.push_back(call.required(1));
        parts.push_back(make_list(std::move(one), call.budget()));
    }
    return make_iterator(std::move(parts), call.budget());
}

}  // namespace puna::jinja
