// The methods of strings that a template can call, as Python's str.
#include "chat/jinja/builtins.h"
#include "chat/jinja/python_format.h"
#include "chat/jinja/python_str.h"
#include "chat/jinja/sequences.h"
#include "core/error.h"

#include <algorithm>

namespace puna::jinja {

namespace {

template <Text (*convert)(TextView)>
Value converted(Call& call) {
    call.budget().write(3 * call.self.text().size());
    return convert(call.self.text());
}

template <Side side>
Value strip_side(Call& call) {
    call.budget().write(call.self.text().size());
    bool blanks = !call.has(0) || call.required(0).is_none();
    return Text(blanks ? strip(call.self.text(), side) : strip(call.self.text(), call.text(0), side));
}

Value list_of(const std::vector<TextView>& parts, Call& call, ListKind kind = ListKind::list) {
    std::vector<Value> texts;
    for (TextView part : parts) texts.emplace_back(Text(part));
    call.budget().write(call.self.text().size());
    return make_list(std::move(texts), call.budget(), kind);
}

template <bool from_right>
Value split_text(Call& call) {
    std::optional<Text> separator;
    if (call.has(0) && !call.required(0).is_none()) separator = call.text(0);
    if (separator && separator->empty()) call.fail_argument(0, "must not be empty");
    int64_t max_splits = call.integer(1, -1);
    const Text& text = call.self.text();
    call.budget().search(text.size(), separator ? separator->size() : 1);
    std::optional<TextView> view = separator ? std::optional<TextView>(*separator) : std::nullopt;
    return list_of(split(text, view, max_splits < 0 ? no_limit : static_cast<size_t>(max_splits), from_right), call);
}

Value split_text_lines(Call& call) { return list_of(split_lines(call.self.text(), call.boolean(0, false)), call); }

template <bool from_right>
Value partition(Call& call) {
    Text separator = call.text(0);
    if (separator.empty()) call.fail_argument(0, "must not be empty");
    TextView text = call.self.text();
    call.budget().search(text.size(), separator.size());
    size_t at = from_right ? text.rfind(separator) : text.find(separator);
    if (at == TextView::npos) {
        std::vector<TextView> whole = {text, {}, {}};
        if (from_right) std::reverse(whole.begin(), whole.end());
        return list_of(whole, call, ListKind::tuple);
    }
    return list_of({text.substr(0, at), text.substr(at, separator.size()), text.substr(at + separator.size())}, call,
                   ListKind::tuple);
}

Value replace_text(Call& call) {
    Text old = call.text(0), replacement = call.text(1);
    const Text& text = call.self.text();
    int64_t max_count = call.integer(2, -1);
    size_t limit = max_count < 0 ? no_limit : static_cast<size_t>(max_count);
    call.budget().search(text.size(), old.size());
    size_t n = std::min(count(text, old), limit);
    call.budget().write(text.size());
    if (!replacement.empty())
        call.budget().write(n > SIZE_MAX / replacement.size() ? SIZE_MAX : n * replacement.size());
    return replace(text, old, replacement, limit);
}

// The part that find, count, startswith and the like search: from `start` to `end`, parameters 1 and 2.
TextView searched_part(Call& call) {
    const Text& text = call.self.text();
    int64_t size = static_cast<int64_t>(text.size());
    auto position = [size](int64_t index) { return std::clamp<int64_t>(index < 0 ? index + size : index, 0, size); };
    auto bound = [&](size_t i, int64_t fallback) {
        return call.has(i) && call.required(i).is_none() ? fallback : position(call.integer(i, fallback));
    };
    int64_t begin = bound(1, 0), end = bound(2, size);
    return TextView(text).substr(static_cast<size_t>(begin), static_cast<size_t>(std::max<int64_t>(end - begin, 0)));
}

int64_t find_in(Call& call, bool from_right) {
    Text wanted = call.text(0);
    TextView part = searched_part(call);
    call.budget().search(part.size(), wanted.size());
    size_t at = from_right ? part.rfind(wanted) : part.find(wanted);
    return at == TextView::npos ? -1 : static_cast<int64_t>(at) + (part.data() - call.self.text().data());
}

template <bool from_right>
Value find_text(Call& call) {
    return find_in(call, from_right);
}

template <bool from_right>
Value index_text(Call& call) {
    int64_t at = find_in(call, from_right);
    if (at < 0) fail("{}: substring not found", call.builtin.name);
    return at;
}

Value count_text(Call& call) {
    Text wanted = call.text(0);
    TextView part = searched_part(call);
    call.budget().search(part.size(), wanted.size());
    return static_cast<int64_t>(count(part, wanted));
}

template <bool at_end>
Value begins_or_ends(Call& call) {
    TextView part = searched_part(call);
    auto matches = [&](const Value& wanted) {
        if (!wanted.is_text()) call.fail_argument(0, "must be a string or a tuple of strings");
        call.budget().search(wanted.text().size());
        TextView text = wanted.text();
        return at_end ? part.ends_with(text) : part.starts_with(text);
    };
    const Value& wanted = call.required(0);
    if (!wanted.is_list() || !wanted.list().is_tuple()) return matches(wanted);
    return std::any_of(wanted.items().begin(), wanted.items().end(), matches);
}

template <bool suffix>
Value without(Call& call) {
    TextView text = call.self.text();
    Text part = call.text(0);
    call.budget().write(text.size());
    bool there = suffix ? text.ends_with(part) : text.starts_with(part);
    if (!there || part.empty()) return Text(text);
    return Text(suffix ? text.substr(0, text.size() - part.size()) : text.substr(part.size()));
}

Value join_texts(Call& call) {
    Text joined;
    std::vector<Value> items = iterate(call.required(0), call.budget());
    for (size_t i = 0; i < items.size(); ++i) {
        if (!items[i].is_text()) fail("join: item {} is a '{}', not a string", i, type_name(items[i]));
        call.budget().write(items[i].text().size() + call.self.text().size());
        if (i > 0) joined += call.self.text();
        joined += items[i].text();
    }
    return joined;
}

enum class Align { left, center, right };
template <Align align>
Value justify(Call& call) {
    const Text& text = call.self.text();
    Text fill = call.has(1) ? call.text(1) : text_of(" ");
    if (fill.size() != 1) call.fail_argument(1, "must be one character");
    int64_t width = call.integer(0, 0), missing = std::max<int64_t>(width - static_cast<int64_t>(text.size()), 0);
    call.budget().write(static_cast<size_t>(missing) + text.size());
    int64_t before = align == Align::left ? 0 : missing;
    if (align == Align::center) before = missing / 2 + (missing & width & 1);  // rounds as CPython's str.center
    return Text(static_cast<size_t>(before), fill[0]) + text + Text(static_cast<size_t>(missing - before), fill[0]);
}

Value zero_fill(Call& call) {
    Text text = call.self.text();
    int64_t missing = call.integer(0, 0) - static_cast<int64_t>(text.size());
    if (missing <= 0) return text;
    call.budget().write(static_cast<size_t>(missing) + text.size());
    bool is_signed = !text.empty() && (code_of(text[0]) == '-' || code_of(text[0]) == '+');
    return text.insert(is_signed ? 1 : 0, static_cast<size_t>(missing), U'0');
}

Value format_text(Call& call) {
    FindField find = [&call](const Value& value, const Value& name, bool in_brackets) {
        return in_brackets ? call.renderer.item(value, name) : call.renderer.attribute(value, name);
    };
    return format_braces(call.self.text(), call.arguments, find, call.budget());
}

// Whether the string is not empty and all its characters satisfy the predicate.
template <bool (*holds)(char32_t)>
Value all_are(Call& call) {
    const Text& text = call.self.text();
    call.budget().search(text.size());
    return !text.empty() && std::all_of(text.begin(), text.end(), holds);
}

bool is_letter_or_number(char32_t c) { return is_letter(c) || is_number(c); }

Value is_ascii(Call& call) {
    return std::all_of(call.self.text().begin(), call.self.text().end(), [](char32_t c) { return code_of(c) < 0x80; });
}

template <LetterCase wanted>
Value is_case(Call& call) {
    bool any = false;
    call.budget().step(call.self.text().size());
    for (char32_t c : call.self.text()) {
        LetterCase found = case_of(c);
        if (found != LetterCase::none && found != wanted) return false;
        any = any || found == wanted;
    }
    return any;
}

constexpr Builtin table[] = {
    {"capitalize", "", converted<capitalize>},
    {"center", "width fillchar", justify<Align::center>},
    {"count", "sub start end", count_text},
    {"endswith", "suffix start end", begins_or_ends<true>},
    {"find", "sub start end", find_text<false>},
    {"format", "*", format_text},
    {"index", "sub start end", index_text<false>},
    {"isalnum", "", all_are<is_letter_or_number>},
    {"isalpha", "", all_are<is_letter>},
    {"isascii", "", is_ascii},
    {"isdigit", "", all_are<is_digit>},
    {"islower", "", is_case<LetterCase::lower>},
    {"isspace", "", all_are<is_space>},
    {"isupper", "", is_case<LetterCase::upper>},
    {"join", "iterable", join_texts},
    {"ljust", "width fillchar", justify<Align::left>},
    {"lower", "", converted<to_lower>},
    {"lstrip", "chars", strip_side<Side::left>},
    {"partition", "sep", partition<false>},
    {"removeprefix", "prefix", without<false>},
    {"removesuffix", "suffix", without<true>},
    {"replace", "old new count", replace_text},
    {"rfind", "sub start end", find_text<true>},
    {"rindex", "sub start end", index_text<true>},
    {"rjust", "width fillchar", justify<Align::right>},
    {"rpartition", "sep", partition<true>},
    {"rsplit", "sep maxsplit", split_text<true>},
    {"rstrip", "chars", strip_side<Side::right>},
    {"split", "sep maxsplit", split_text<false>},
    {"splitlines", "keepends", split_text_lines},
    {"startswith", "prefix start end", begins_or_ends<false>},
    {"strip", "chars", strip_side<Side::both>},
    {"swapcase", "", converted<swap_case>},
    {"title", "", converted<to_title>},
    {"upper", "", converted<to_upper>},
    {"zfill", "width", zero_fill},
};

}  // namespace

const std::span<const Builtin> str_methods = table;

}  // namespace puna::jinja
