#include "chat/jinja/sequence_filters.h"

#include "chat/jinja/operators.h"
#include "chat/jinja/python_str.h"
#include "core/error.h"

#include <algorithm>
#include <numeric>

namespace puna::jinja {

using Kind = Value::Kind;

namespace {

std::vector<Value> items_of(Call& call) { return walk(call.self, call.budget()); }

// As map and select have it: of none and its like there are no items.
std::vector<Value> items_if_any(Call& call) { return is_true(call.self) ? items_of(call) : std::vector<Value>(); }

// "function.name" or "0.role": what a path of attributes and places leads to. Without a path the value itself.
Value follow(Call& call, Value value, const Value& path) {
    if (path.is_none() || path.is_undefined()) return value;
    if (!path.is_text()) return call.renderer.item(value, path);
    for (TextView name : split(path.text(), U".", no_limit, false)) {
        bool is_place = !name.empty() && std::all_of(name.begin(), name.end(), is_digit);
        int64_t place = is_place ? std::strtoll(encode_utf8(name).c_str(), nullptr, 10) : 0;
        value = call.renderer.item(value, is_place ? Value(place) : Value(Text(name)));
    }
    return value;
}

Value folded(const Value& value, Call& call) {
    if (!value.is_text()) return value;
    call.budget().write(value.text().size());
    return to_lower(value.text());
}

// What items are ordered or compared by: `attribute` and `case_sensitive` say.
std::vector<Value> keys_of(Call& call, const std::vector<Value>& items, const Value& attribute, bool case_sensitive) {
    std::vector<Value> keys;
    for (const Value& item : items) {
        Value key = follow(call, item, attribute);
        keys.push_back(case_sensitive ? key : folded(key, call));
    }
    return keys;
}

// The places of the items in their order; equal ones stay as they are.
std::vector<size_t> sorted_places(Call& call, const std::vector<Value>& keys, bool reverse) {
    std::vector<size_t> places(keys.size());
    std::iota(places.begin(), places.end(), size_t{0});
    std::stable_sort(places.begin(), places.end(), [&](size_t a, size_t b) {
        return reverse ? less(keys[b], keys[a], call.budget()) : less(keys[a], keys[b], call.budget());
    });
    return places;
}

std::vector<Value> in_order(const std::vector<Value>& items, const std::vector<size_t>& places) {
    std::vector<Value> sorted;
    for (size_t place : places) sorted.push_back(items[place]);
    return sorted;
}

Value undefined_item(const char* what) { return Undefined{std::make_shared<const Text>(text_of(what))}; }

// Takes an argument out by its name.
std::optional<Value> take_named(Arguments& arguments, std::string_view name) {
    auto at =
        std::find_if(arguments.named.begin(), arguments.named.end(), [name](const auto& a) { return a.first == name; });
    if (at == arguments.named.end()) return {};
    Value value = std::move(at->second);
    arguments.named.erase(at);
    return value;
}

Value take_first(Arguments& arguments, std::string_view what) {
    if (arguments.positional.empty()) fail("{} is missing", what);
    Value value = std::move(arguments.positional.front());
    arguments.positional.erase(arguments.positional.begin());
    return value;
}

std::string name_in(const Value& value) {
    if (!value.is_text()) fail("the name of a filter or test must be a text, not '{}'", type_name(value));
    return encode_utf8(value.text());
}

// The items that pass a test (none named: that are true), of themselves or of an attribute.
Value keep_items(Call& call, bool wanted, bool by_attribute) {
    Arguments arguments = call.arguments;
    Value path = by_attribute ? take_first(arguments, "the attribute") : Value(None{});
    std::string test = arguments.positional.empty() ? "" : name_in(take_first(arguments, "the test"));
    std::vector<Value> kept;
    for (Value& item : items_if_any(call)) {
        Value subject = follow(call, item, path);
        bool passes = test.empty() ? is_true(subject) : call.renderer.test(test, subject, arguments);
        if (passes == wanted) kept.push_back(std::move(item));
    }
    return make_iterator(std::move(kept), call.budget());
}

Value extreme(Call& call, bool largest) {
    std::vector<Value> items = items_of(call);
    if (items.empty()) return undefined_item("the least or greatest of nothing");
    std::vector<Value> keys = keys_of(call, items, call.get(1, None{}), call.truth(0, false));
    size_t best = 0;
    for (size_t i = 1; i < items.size(); ++i)
        if (largest ? less(keys[best], keys[i], call.budget()) : less(keys[i], keys[best], call.budget())) best = i;
    return items[best];
}

size_t positive(Call& call, std::string_view what) {
    int64_t n = call.whole(0, 0);
    if (n < 1) fail("{}: must be 1 or more", what);
    return static_cast<size_t>(n);
}

}  // namespace

Value select(Call& call) { return keep_items(call, true, false); }
Value reject(Call& call) { return keep_items(call, false, false); }
Value select_by_attribute(Call& call) { return keep_items(call, true, true); }
Value reject_by_attribute(Call& call) { return keep_items(call, false, true); }
Value min_item(Call& call) { return extreme(call, false); }
Value max_item(Call& call) { return extreme(call, true); }
Value to_list(Call& call) { return make_list(items_of(call), call.budget()); }

Value map_items(Call& call) {
    Arguments arguments = call.arguments;
    std::vector<Value> mapped;
    if (std::optional<Value> path = arguments.positional.empty() ? take_named(arguments, "attribute") : std::nullopt) {
        std::optional<Value> fallback = take_named(arguments, "default");
        if (!arguments.named.empty()) fail("map has no argument '{}'", printable(arguments.named[0].first));
        for (const Value& item : items_if_any(call)) {
            Value found = follow(call, item, *path);
            mapped.push_back(found.is_undefined() && fallback ? *fallback : found);
        }
    } else {
        std::string name = name_in(take_first(arguments, "map: the filter"));
        for (Value& item : items_if_any(call)) mapped.push_back(call.renderer.filter(name, std::move(item), arguments));
    }
    return make_iterator(std::move(mapped), call.budget());
}

Value first_item(Call& call) {
    if (call.self.is(Kind::iterator)) {
        Iterator& iterator = call.self.iterator();
        return iterator.next < iterator.items.size() ? iterator.items[iterator.next++]
                                                     : undefined_item("the first of nothing");
    }
    std::vector<Value> items = items_of(call);
    return items.empty() ? undefined_item("the first of nothing") : items.front();
}

Value last_item(Call& call) {
    if (call.self.is(Kind::iterator)) fail("last: a generator cannot be reversed; use `| list | last`");
    std::vector<Value> items = items_of(call);
    return items.empty() ? undefined_item("the last of nothing") : items.back();
}

Value reverse_items(Call& call) {
    std::vector<Value> items = items_of(call);
    std::reverse(items.begin(), items.end());
    if (!call.self.is_text()) return make_iterator(std::move(items), call.budget());
    Text text(call.self.text().rbegin(), call.self.text().rend());
    return text;
}

Value join_items(Call& call) {
    Text separator = call.has(0) ? to_text(call.need(0), call.budget()) : Text(), joined;
    std::vector<Value> items = items_of(call);
    for (size_t i = 0; i < items.size(); ++i) {
        Text text = to_text(follow(call, items[i], call.get(1, None{})), call.budget());
        call.budget().write(text.size() + separator.size());
        if (i > 0) joined += separator;
        joined += text;
    }
    return without_flag(std::move(joined), escaped);
}

Value items_of_dict(Call& call) {
    if (call.self.is_undefined()) return make_iterator({}, call.budget());
    if (!call.self.is_dict()) fail("items: a '{}' has no pairs of keys and values", type_name(call.self));
    std::vector<Value> pairs;
    for (const auto& [key, value] : call.self.dict().items())
        pairs.push_back(make_list({key, value}, call.budget(), true));
    return make_iterator(std::move(pairs), call.budget());
}

Value sort_items(Call& call) {
    std::vector<Value> items = items_of(call), keys(items.size());
    Value path = call.get(2, None{});
    std::vector<TextView> paths;
    if (path.is_text()) paths = split(path.text(), U",", no_limit, false);
    if (paths.size() <= 1) {
        keys = keys_of(call, items, path, call.truth(1, false));
    } else {
        for (size_t i = 0; i < items.size(); ++i) {  // by several attributes
            std::vector<Value> parts;
            for (TextView one : paths)
                parts.push_back(keys_of(call, {items[i]}, Value(Text(one)), call.truth(1, false))[0]);
            keys[i] = make_list(std::move(parts), call.budget());
        }
    }
    return make_list(in_order(items, sorted_places(call, keys, call.truth(0, false))), call.budget());
}

Value sort_dict(Call& call) {
    Text by = call.has(1) ? call.text(1) : text_of("key");
    if (by != U"key" && by != U"value") fail("dictsort: by must be \"key\" or \"value\"");
    if (!call.self.is_dict()) fail("dictsort: a '{}' is no dict", type_name(call.self));
    std::vector<Value> pairs = walk(items_of_dict(call), call.budget());
    std::vector<Value> keys = keys_of(call, pairs, Value(int64_t{by == U"value"}), call.truth(0, false));
    return make_list(in_order(pairs, sorted_places(call, keys, call.truth(2, false))), call.budget());
}

Value unique_items(Call& call) {
    std::vector<Value> items = items_of(call), kept;
    std::vector<Value> keys = keys_of(call, items, call.get(1, None{}), call.truth(0, false));
    Dict seen;
    for (size_t i = 0; i < items.size(); ++i) {
        if (seen.find(keys[i], call.budget())) continue;
        seen.set(keys[i], None{}, call.budget());
        kept.push_back(items[i]);
    }
    return make_iterator(std::move(kept), call.budget());
}

Value sum_items(Call& call) {
    Value total = call.get(1, int64_t{0});
    if (total.is_text()) fail("sum: texts are joined, not summed");
    for (const Value& item : items_of(call))
        total = binary(Operation::add, total, follow(call, item, call.get(0, None{})), call.budget());
    return total;
}

Value group_by(Call& call) {
    std::vector<Value> items = items_of(call), named;
    for (const Value& item : items) {
        Value key = follow(call, item, call.need(0));
        named.push_back(key.is_undefined() ? call.get(1, key) : key);
    }
    std::vector<Value> keys = named;
    if (!call.truth(2, false))
        for (Value& key : keys) key = folded(key, call);
    std::vector<Value> groups, group;
    std::vector<size_t> places = sorted_places(call, keys, false);
    for (size_t i = 0; i < places.size(); ++i) {
        group.push_back(items[places[i]]);
        bool ends = i + 1 == places.size() || !equal(keys[places[i]], keys[places[i + 1]], call.budget());
        if (!ends) continue;
        size_t first = places[i + 1 - group.size()];
        groups.push_back(make_list({named[first], make_list(std::move(group), call.budget())}, call.budget(), true));
        group.clear();
    }
    return make_list(std::move(groups), call.budget());
}

Value batch(Call& call) {
    size_t size = positive(call, "batch");
    std::vector<Value> items = items_of(call), batches;
    for (size_t at = 0; at < items.size(); at += std::min(size, items.size() - at)) {
        size_t n = std::min(size, items.size() - at);
        std::vector<Value> one(items.begin() + static_cast<ptrdiff_t>(at),
                               items.begin() + static_cast<ptrdiff_t>(at + n));
        if (n < size && call.has(1) && !call.need(1).is_none()) {
            call.budget().write(8 * (size - n));
            one.resize(size, call.need(1));
        }
        batches.push_back(make_list(std::move(one), call.budget()));
    }
    return make_iterator(std::move(batches), call.budget());
}

Value slice_items(Call& call) {
    size_t slices = positive(call, "slice");
    std::vector<Value> items = items_of(call), parts;
    size_t each = items.size() / slices, longer = items.size() % slices;
    call.budget().write(8 * slices);
    for (size_t i = 0, at = 0; i < slices; ++i) {
        size_t n = each + (i < longer);
        std::vector<Value> one(items.begin() + static_cast<ptrdiff_t>(at),
                               items.begin() + static_cast<ptrdiff_t>(at + n));
        at += n;
        if (i >= longer && call.has(1) && !call.need(1).is_none()) one.push_back(call.need(1));
        parts.push_back(make_list(std::move(one), call.budget()));
    }
    return make_iterator(std::move(parts), call.budget());
}

}  // namespace puna::jinja
