// The filters of a template: {{ value | filter(argument) }}. Those that walk through items are in sequence_filters.cpp.
#include "chat/jinja/builtins.h"
#include "chat/jinja/json.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/python_format.h"
#include "chat/jinja/python_str.h"
#include "chat/jinja/sequence_filters.h"
#include "core/error.h"

#include <algorithm>
#include <cmath>

namespace puna::jinja {

using Kind = Value::Kind;

namespace {

// ---- text

// As the method of that name, of anything that can be printed.
Value as_method(Call& call, std::string_view name, Arguments arguments = {}) {
    return call_builtin(*find_builtin(text_methods, name), call.renderer, call.subject(), std::move(arguments));
}

Value upper(Call& call) { return as_method(call, "upper"); }
Value lower(Call& call) { return as_method(call, "lower"); }
Value capitalize_text(Call& call) { return as_method(call, "capitalize"); }
Value trim(Call& call) { return as_method(call, "strip", {{call.get(0, None{})}, {}}); }
Value center(Call& call) { return as_method(call, "center", {{call.get(0, int64_t{80})}, {}}); }
Value string(Call& call) { return call.subject(); }

// A word begins after blanks, dashes and opening brackets; str.title has another rule.
Value title(Call& call) {
    Text text = call.subject(), result;
    call.budget().write(2 * text.size());
    auto separates = [](char32_t c) { return is_blank(c) || TextView(U"-({[<").find(c) != TextView::npos; };
    for (size_t begin = 0, end; begin < text.size(); begin = end) {
        end = begin + 1;
        bool word = !separates(text[begin]);
        while (end < text.size() && separates(text[end]) != word) ++end;
        TextView part = TextView(text).substr(begin, end - begin);
        result += word ? to_upper(part.substr(0, 1)) + to_lower(part.substr(1)) : Text(part);
    }
    return result;
}

Value replace_in(Call& call) {
    auto text = [&call](size_t i) { return Value(to_text(call.need(i), call.budget())); };
    Value count = call.get(2, int64_t{-1});
    if (count.is_none()) count = int64_t{-1};
    return without_flag(as_method(call, "replace", {{text(0), text(1), count}, {}}).text(), escaped);
}

Value indent(Call& call) {
    bool as_text = call.has(0) && call.need(0).is_text();
    Text text = call.subject(), margin = as_text ? call.text(0) : Text();
    if (!as_text) {
        size_t width = static_cast<size_t>(std::max<int64_t>(call.whole(0, 4), 0));
        call.budget().write(width);
        margin = Text(width, U' ');
    }
    bool first = call.truth(1, false), blank = call.truth(2, false);
    text += U'\n';  // so that an empty line at the end counts
    std::vector<TextView> lines = split_lines(text);
    Text result;
    for (size_t i = 0; i < lines.size(); ++i) {
        call.budget().write(margin.size() + lines[i].size() + 1);
        if (i > 0) result += U'\n';
        if (i == 0 ? first : blank || !lines[i].empty()) result += margin;
        result += lines[i];
    }
    return result;
}

Value truncate(Call& call) {
    Text text = call.subject(), end = call.has(2) ? call.text(2) : text_of("...");
    int64_t length = call.whole(0, 255), leeway = call.whole(3, 5), size = static_cast<int64_t>(text.size());
    if (length < static_cast<int64_t>(end.size()) || leeway < 0) fail("truncate: the length is too small");
    call.budget().write(text.size() + end.size());
    if (size <= length || size - length <= leeway) return text;
    Text kept = text.substr(0, static_cast<size_t>(length) - end.size());
    size_t blank = kept.rfind(U' ');
    if (!call.truth(1, false) && blank != Text::npos) kept.resize(blank);
    return kept + end;
}

Value word_count(Call& call) {
    int64_t words = 0;
    bool inside = false;
    for (char32_t c : call.subject()) {
        bool in_word = code_of(c) == '_' || is_letter(c) || is_digit(c);
        words += in_word && !inside;
        inside = in_word;
    }
    return words;
}

Value force_escape(Call& call) {
    Text text = call.subject();
    call.budget().write(5 * text.size());
    return escape_html(text);
}

Value escape(Call& call) { return is_escaped(call.subject()) ? Value(call.subject()) : force_escape(call); }
Value safe(Call& call) { return with_flag(call.subject(), escaped); }

Value format(Call& call) {
    if (!call.arguments.positional.empty() && !call.arguments.named.empty())
        fail("format takes named arguments or others, not both");
    if (call.arguments.named.empty())
        return format_percent(call.subject(), make_list(std::move(call.arguments.positional), call.budget(), true),
                              call.budget());
    Dict named;
    for (auto& [name, value] : call.arguments.named) named.set(text_of(name), std::move(value), call.budget());
    return format_percent(call.subject(), make_dict(std::move(named), call.budget()), call.budget());
}

JsonStyle json_style(Call& call) {
    JsonStyle style{.ascii = call.truth(1, false), .sort_keys = call.truth(3, false)};
    if (call.has(0) && !call.need(0).is_none()) {
        bool as_text = call.need(0).is_text();
        int64_t width = as_text ? 0 : call.whole(0, 0);
        if (width > 100) fail("tojson: an indent of {}", width);
        style.indent = as_text ? call.text(0) : Text(static_cast<size_t>(std::max<int64_t>(width, 0)), U' ');
        style.item_separator = text_of(",");
    }
    if (!call.has(2) || call.need(2).is_none()) return style;
    std::vector<Value> separators = walk(call.need(2), call.budget());
    if (separators.size() != 2 || !separators[0].is_text() || !separators[1].is_text())
        fail("tojson: separators must be two texts");
    style.item_separator = separators[0].text();
    style.key_separator = separators[1].text();
    return style;
}

Value to_json(Call& call) { return dump_json(call.self, json_style(call), call.budget()); }

// ---- numbers

// int() and float() of a text: blanks around it and single underscores in it are allowed.
std::optional<std::string> number_text_of(const Value& value) {
    if (!value.is_text()) return {};
    std::string text = encode_utf8(strip(value.text()));
    for (size_t at; (at = text.find('_')) != text.npos;) {
        bool between = at > 0 && at + 1 < text.size() && std::isdigit(static_cast<unsigned char>(text[at - 1])) &&
                       std::isdigit(static_cast<unsigned char>(text[at + 1]));
        if (!between) return {};
        text.erase(at, 1);
    }
    return text;
}

std::optional<double> parse_float(const Value& value) {
    if (value.numeric()) return value.numeric();
    std::optional<std::string> text = number_text_of(value);
    if (!text || text->empty() || text->find_first_of("xXpP( ") != text->npos) return {};
    char* end = nullptr;
    double number = std::strtod(text->c_str(), &end);
    return *end ? std::nullopt : std::optional(number);
}

std::optional<int64_t> parse_integer(const Value& value, int base) {
    std::optional<std::string> text = number_text_of(value);
    if (!text || text->empty()) return {};
    errno = 0;
    char* end = nullptr;
    long long number = std::strtoll(text->c_str(), &end, base);
    return *end || errno != 0 ? std::nullopt : std::optional<int64_t>(number);
}

Value to_integer(Call& call) {
    if (call.self.whole()) return *call.self.whole();
    if (call.self.is(Kind::big_integer)) return call.self;
    if (call.self.is_undefined()) fail("int of an undefined value");
    int64_t base = call.whole(1, 10);
    if (base != 0 && (base < 2 || base > 36)) fail("int: a base of {}", base);
    if (std::optional<int64_t> number = parse_integer(call.self, static_cast<int>(base))) return *number;
    std::optional<double> number = parse_float(call.self);
    if (number && std::abs(*number) < 0x1p63) return static_cast<int64_t>(*number);
    return call.get(0, int64_t{0});
}

Value to_float(Call& call) {
    if (call.self.is_undefined()) fail("float of an undefined value");
    std::optional<double> number = parse_float(call.self);
    return number ? Value(*number) : call.get(0, 0.0);
}

Value absolute(Call& call) {
    if (call.self.is(Kind::number)) return std::abs(call.self.number());
    if (!call.self.whole()) fail("abs: a '{}' is no number", type_name(call.self));
    return *call.self.whole() < 0 ? negate(call.self) : Value(*call.self.whole());
}

Value round_number(Call& call) {
    if (!call.self.numeric()) fail("round: a '{}' is no number", type_name(call.self));
    int64_t precision = call.whole(0, 0);
    Text method = call.has(1) ? call.text(1) : text_of("common");
    if (precision < -300 || precision > 300) fail("round: a precision of {}", precision);
    double number = *call.self.numeric(), scale = std::pow(10.0, static_cast<double>(precision));
    if (method == U"ceil") return std::ceil(number * scale) / scale;
    if (method == U"floor") return std::floor(number * scale) / scale;
    if (method != U"common") fail("round: the method must be common, ceil or floor");
    if (call.self.whole() && precision >= 0) return *call.self.whole();
    if (precision < 0) {
        double rounded = std::nearbyint(number * scale) / scale;
        return call.self.whole() ? Value(static_cast<int64_t>(rounded)) : Value(rounded);
    }
    return std::strtod(fmt::format("{:.{}f}", number, precision).c_str(), nullptr);  // half to even, in decimal digits
}

// ---- others

Value fallback(Call& call) {
    bool missing = call.self.is_undefined() || (call.truth(1, false) && !is_true(call.self));
    return missing ? call.get(0, text_value("")) : call.self;
}

Value attribute(Call& call) {
    Value found = call.renderer.attribute(call.self, Value(call.text(0)));
    bool is_key = call.self.is_dict() && call.self.dict().find(call.need(0), call.budget()) &&
                  !find_builtin(dict_methods, encode_utf8(call.text(0)));
    return is_key ? Value() : found;  // attributes only
}

Value length(Call& call) { return static_cast<int64_t>(length_of(call.self)); }

constexpr Builtin table[] = {
    {"abs", "", absolute},
    {"attr", "name", attribute},
    {"batch", "linecount fill_with", batch},
    {"capitalize", "", capitalize_text},
    {"center", "width", center},
    {"count", "", length},
    {"d", "default_value boolean", fallback},
    {"default", "default_value boolean", fallback},
    {"dictsort", "case_sensitive by reverse", sort_dict},
    {"e", "", escape},
    {"escape", "", escape},
    {"first", "", first_item},
    {"float", "default", to_float},
    {"forceescape", "", force_escape},
    {"format", "*", format},
    {"groupby", "attribute default case_sensitive", group_by},
    {"indent", "width first blank", indent},
    {"int", "default base", to_integer},
    {"items", "", items_of_dict},
    {"join", "d attribute", join_items},
    {"last", "", last_item},
    {"length", "", length},
    {"list", "", to_list},
    {"lower", "", lower},
    {"map", "*", map_items},
    {"max", "case_sensitive attribute", max_item},
    {"min", "case_sensitive attribute", min_item},
    {"reject", "*", reject},
    {"rejectattr", "*", reject_by_attribute},
    {"replace", "old new count", replace_in},
    {"reverse", "", reverse_items},
    {"round", "precision method", round_number},
    {"safe", "", safe},
    {"select", "*", select},
    {"selectattr", "*", select_by_attribute},
    {"slice", "slices fill_with", slice_items},
    {"sort", "reverse case_sensitive attribute", sort_items},
    {"string", "", string},
    {"sum", "attribute start", sum_items},
    {"title", "", title},
    {"tojson", "indent ensure_ascii separators sort_keys", to_json},
    {"trim", "chars", trim},
    {"truncate", "length killwords end leeway", truncate},
    {"unique", "case_sensitive attribute", unique_items},
    {"upper", "", upper},
    {"wordcount", "", word_count},
};

}  // namespace

const std::span<const Builtin> filters = table;

}  // namespace puna::jinja
