// Jinja2's built-in filters: {{ value | filter(argument) }}. Those on sequences are in sequence_filters.cpp.
#include "chat/jinja/builtins.h"
#include "chat/jinja/json.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/python_format.h"
#include "chat/jinja/python_str.h"
#include "chat/jinja/sequence_filters.h"
#include "chat/jinja/sequences.h"
#include "core/error.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace puna::jinja {

using Kind = Value::Kind;

namespace {

// ---- strings

// The str method of that name, of str(value).
Value call_str_method(Call& call, std::string_view name, Arguments arguments = {}) {
    return call_builtin(*find_builtin(str_methods, name), call.renderer, call.self_text(), std::move(arguments));
}

Value filter_upper(Call& call) { return call_str_method(call, "upper"); }
Value filter_lower(Call& call) { return call_str_method(call, "lower"); }
Value filter_capitalize(Call& call) { return call_str_method(call, "capitalize"); }
Value filter_trim(Call& call) { return call_str_method(call, "strip", {{call.value_or(0, None{})}, {}}); }
Value filter_center(Call& call) { return call_str_method(call, "center", {{call.value_or(0, int64_t{80})}, {}}); }
Value filter_string(Call& call) { return call.self_text(); }

// A word begins after whitespace, a hyphen or an opening bracket, unlike in str.title.
Value filter_title(Call& call) {
    Text text = call.self_text(), result;
    call.budget().write(2 * text.size());
    auto is_separator = [](char32_t c) { return is_space(c) || TextView(U"-({[<").find(c) != TextView::npos; };
    for (size_t begin = 0, end; begin < text.size(); begin = end) {
        end = begin + 1;
        bool word = !is_separator(text[begin]);
        while (end < text.size() && is_separator(text[end]) != word) ++end;
        TextView part = TextView(text).substr(begin, end - begin);
        result += word ? to_upper(part.substr(0, 1)) + to_lower(part.substr(1)) : Text(part);
    }
    return result;
}

Value filter_replace(Call& call) {
    auto text = [&call](size_t i) { return Value(to_text(call.required(i), call.budget())); };
    Value count = call.value_or(2, int64_t{-1});
    if (count.is_none()) count = int64_t{-1};
    return without_flag(call_str_method(call, "replace", {{text(0), text(1), count}, {}}).text(), escaped);
}

// Of filters that in Python also take a list's length for a text's, or fail.
void require_text(Call& call) {
    if (!call.self.is_text()) fail("{}: expected a string, not '{}'", call.builtin.name, type_name(call.self));
}

Value filter_indent(Call& call) {
    require_text(call);
    bool as_text = call.has(0) && call.required(0).is_text();
    Text text = call.self_text(), margin = as_text ? call.text(0) : Text();
    if (!as_text) {
        size_t width = static_cast<size_t>(std::max<int64_t>(call.integer(0, 4), 0));
        call.budget().write(width);
        margin = Text(width, U' ');
    }
    bool first = call.boolean(1, false), blank = call.boolean(2, false);
    text += U'\n';  // an empty line at the end counts too
    std::vector<TextView> lines = split_lines(text);
    Text result;
    for (size_t i = 0; i < lines.size(); ++i) {
        call.budget().write(margin.size() + lines[i].size() + 1);
        if (i == 0 ? first : blank || !lines[i].empty()) result += margin;
        result += lines[i];
        char32_t end = lines[i].data()[lines[i].size()];  // which becomes \n, with its flags
        if (i + 1 < lines.size()) result += U'\n' | (end & flag_bits);
    }
    return result;
}

Value filter_truncate(Call& call) {
    require_text(call);
    Text text = call.self_text(), end = call.has(2) ? call.text(2) : text_of("...");
    int64_t length = call.integer(0, 255), leeway = call.integer(3, 5), size = static_cast<int64_t>(text.size());
    if (length < static_cast<int64_t>(end.size()) || leeway < 0)
        fail("truncate: length must be at least that of the end marker, leeway at least 0");
    call.budget().write(text.size() + end.size());
    if (size <= length || size - length <= leeway) return text;
    Text head = text.substr(0, static_cast<size_t>(length) - end.size());
    size_t space = head.rfind(U' ');
    if (!call.boolean(1, false) && space != Text::npos) head.resize(space);
    return head + end;
}

Value filter_wordcount(Call& call) {
    int64_t words = 0;
    bool inside = false;
    Text text = call.self_text();
    call.budget().step(text.size() / 16);
    for (char32_t c : text) {
        bool in_word = code_of(c) == '_' || is_letter(c) || is_number(c);
        words += in_word && !inside;
        inside = in_word;
    }
    return words;
}

Value filter_forceescape(Call& call) {
    Text text = call.self_text();
    call.budget().write(5 * text.size());
    return escape_html(text);
}

Value filter_escape(Call& call) {
    return is_escaped(call.self_text()) ? Value(call.self_text()) : filter_forceescape(call);
}
Value filter_safe(Call& call) { return with_flag(call.self_text(), escaped); }

Value filter_format(Call& call) {
    if (!call.arguments.positional.empty() && !call.arguments.keyword.empty())
        fail("format: takes positional or keyword arguments, not both");
    if (call.arguments.keyword.empty())
        return format_percent(call.self_text(),
                              make_list(std::move(call.arguments.positional), call.budget(), ListKind::tuple),
                              call.budget());
    Dict keywords;
    for (auto& [name, value] : call.arguments.keyword) keywords.set(std::move(name), std::move(value), call.budget());
    return format_percent(call.self_text(), make_dict(std::move(keywords), call.budget()), call.budget());
}

// Parameters as in transformers (apply_chat_template), whose first is ensure_ascii; Jinja2's own is indent.
JsonStyle json_style(Call& call) {
    JsonStyle style{.ascii = call.boolean(0, false), .sort_keys = call.boolean(3, false)};
    if (call.has(1) && !call.required(1).is_none()) {
        bool as_text = call.required(1).is_text();
        int64_t width = as_text ? 0 : call.integer(1, 0);
        if (width > 100) call.fail_argument(1, "must be at most 100");
        style.indent = as_text ? call.text(1) : Text(static_cast<size_t>(std::max<int64_t>(width, 0)), U' ');
        style.item_separator = text_of(",");
    }
    if (!call.has(2) || call.required(2).is_none()) return style;
    std::vector<Value> separators = iterate(call.required(2), call.budget());
    if (separators.size() != 2 || !separators[0].is_text() || !separators[1].is_text())
        call.fail_argument(2, "must be two strings");
    style.item_separator = separators[0].text();
    style.key_separator = separators[1].text();
    return style;
}

Value filter_tojson(Call& call) { return dump_json(call.self, json_style(call), call.budget()); }

// ---- numbers

// The argument of int() or float(): a string, of which whitespace around it and single underscores in it are ignored.
std::optional<std::string> number_string(const Value& value, int64_t base = 10) {
    if (!value.is_text()) return {};
    Text stripped(strip(value.text()));
    if (std::any_of(stripped.begin(), stripped.end(), [](char32_t c) { return code_of(c) >= 0x80 && is_number(c); }))
        fail("numbers in the digits of other scripts are not supported");
    std::string text = encode_utf8(stripped);
    auto is_digit_at = [&](size_t i) {
        auto c = i < text.size() ? static_cast<unsigned char>(text[i]) : '\0';
        return base > 10 ? std::isalnum(c) : std::isdigit(c);
    };
    for (size_t at = text.find('_'); at != text.npos; at = text.find('_', at + 1))
        if (at == 0 || !is_digit_at(at - 1) || !is_digit_at(at + 1)) return {};
    std::erase(text, '_');
    return text;
}

std::optional<double> parse_float(const Value& value) {
    if (value.as_double()) return value.as_double();
    std::optional<std::string> text = number_string(value);
    if (!text || text->empty() || text->find_first_of("xXpP( ") != text->npos) return {};
    char* end = nullptr;
    double number = std::strtod(text->c_str(), &end);
    return *end ? std::nullopt : std::optional(number);
}

// Without what Python drops: 0x of base 16 and the like, zeros, a plus sign.
std::string significant_digits(std::string text, int64_t base) {
    auto has_sign = [&text] { return text.starts_with('-') || text.starts_with('+'); };
    std::string sign = text.starts_with('-') ? "-" : "";
    if (has_sign()) text.erase(0, 1);
    if (has_sign()) return "";
    auto begins = [&text](char lower) { return text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == lower; };
    if ((base == 16 && begins('x')) || (base == 8 && begins('o')) || (base == 2 && begins('b'))) text.erase(0, 2);
    if (!text.empty()) text.erase(0, std::min(text.find_first_not_of('0'), text.size() - 1));
    return sign + text;
}

bool are_digits(std::string_view text) {
    if (text.starts_with('-')) text.remove_prefix(1);
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Python's int(text, base); none: no integer.
std::optional<Value> parse_integer(const Value& value, int64_t base) {
    std::optional<std::string> text = number_string(value, base);
    if (!text || text->empty()) return {};
    std::string digits = significant_digits(*text, base);
    int64_t number = 0;
    auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number, static_cast<int>(base));
    bool whole = end == digits.data() + digits.size();
    if (whole && problem == std::errc()) return number;
    if (!whole || problem != std::errc::result_out_of_range) return {};
    if (base != 10 || !are_digits(digits)) fail("int: integers of more than 64 bits are only supported in base 10");
    return BigInteger{std::make_shared<const std::string>(digits)};
}

Value integer_of(double number) {
    if (std::abs(number) < 0x1p63) return static_cast<int64_t>(number);
    return BigInteger{std::make_shared<const std::string>(fmt::format("{:.0f}", number))};
}

void charge_for_digits(Call& call) {
    if (call.self.is_text()) call.budget().step(call.self.text().size() / 16);
}

Value filter_int(Call& call) {
    charge_for_digits(call);
    if (call.self.as_integer()) return *call.self.as_integer();
    if (call.self.is(Kind::big_integer)) return call.self;
    require_defined(call.self);
    int64_t base = call.integer(1, 10);
    if (base < 2 || base > 36) call.fail_argument(1, "must be from 2 to 36");
    if (std::optional<Value> number = parse_integer(call.self, base)) return *number;
    std::optional<double> number = parse_float(call.self);
    return number && std::isfinite(*number) ? integer_of(*number) : call.value_or(0, int64_t{0});
}

Value filter_float(Call& call) {
    charge_for_digits(call);
    require_defined(call.self);
    std::optional<double> number = parse_float(call.self);
    return number ? Value(*number) : call.value_or(0, 0.0);
}

Value filter_abs(Call& call) {
    if (call.self.is(Kind::floating)) return std::abs(call.self.floating());
    if (!call.self.as_integer()) fail("abs: expected a number, not '{}'", type_name(call.self));
    return *call.self.as_integer() < 0 ? negate(call.self) : Value(*call.self.as_integer());
}

Value filter_round(Call& call) {
    if (!call.self.as_double()) fail("round: expected a number, not '{}'", type_name(call.self));
    int64_t precision = call.integer(0, 0);
    Text method = call.has(1) ? call.text(1) : text_of("common");
    if (precision < -300 || precision > 300) call.fail_argument(0, "must be from -300 to 300");
    double number = *call.self.as_double(), scale = std::pow(10.0, static_cast<double>(precision));
    if (call.self.kind() == Kind::big_integer && precision >= 0 && method == U"common") return call.self;
    if (method == U"ceil") return std::ceil(number * scale) / scale;
    if (method == U"floor") return std::floor(number * scale) / scale;
    if (method != U"common") call.fail_argument(1, "must be common, ceil or floor");
    if (call.self.as_integer() && precision >= 0) return *call.self.as_integer();
    if (precision < 0) {
        double rounded = std::nearbyint(number * scale) / scale;
        if (!call.self.as_integer()) return rounded;
        if (std::abs(rounded) >= 0x1p63) fail("round: the result exceeds 64 bits");
        return static_cast<int64_t>(rounded);
    }
    return std::strtod(fmt::format("{:.{}f}", number, precision).c_str(),
                       nullptr);  // exact decimal value, ties to even
}

// ---- any values

Value filter_default(Call& call) {
    bool missing = call.self.is_undefined() || (call.boolean(1, false) && !is_true(call.self));
    return missing ? call.value_or(0, text_value("")) : call.self;
}

Value filter_attr(Call& call) {
    Value found = call.renderer.attribute(call.self, Value(call.text(0)));
    bool is_key = call.self.is_dict() && call.self.dict().find(call.required(0), call.budget()) &&
                  !find_builtin(dict_methods, encode_utf8(call.text(0)));
    return is_key ? Value() : found;  // attr() finds attributes, not items
}

Value filter_length(Call& call) { return static_cast<int64_t>(length_of(call.self)); }

constexpr Builtin table[] = {
    {"abs", "", filter_abs},
    {"attr", "name", filter_attr},
    {"batch", "linecount fill_with", filter_batch},
    {"capitalize", "", filter_capitalize},
    {"center", "width", filter_center},
    {"count", "", filter_length},
    {"d", "default_value boolean", filter_default},
    {"default", "default_value boolean", filter_default},
    {"dictsort", "case_sensitive by reverse", filter_dictsort},
    {"e", "", filter_escape},
    {"escape", "", filter_escape},
    {"first", "", filter_first},
    {"float", "default", filter_float},
    {"forceescape", "", filter_forceescape},
    {"format", "*", filter_format},
    {"groupby", "attribute default case_sensitive", filter_groupby},
    {"indent", "width first blank", filter_indent},
    {"int", "default base", filter_int},
    {"items", "", filter_items},
    {"join", "d attribute", filter_join},
    {"last", "", filter_last},
    {"length", "", filter_length},
    {"list", "", filter_list},
    {"lower", "", filter_lower},
    {"map", "*", filter_map},
    {"max", "case_sensitive attribute", filter_max},
    {"min", "case_sensitive attribute", filter_min},
    {"reject", "*", filter_reject},
    {"rejectattr", "*", filter_rejectattr},
    {"replace", "old new count", filter_replace},
    {"reverse", "", filter_reverse},
    {"round", "precision method", filter_round},
    {"safe", "", filter_safe},
    {"select", "*", filter_select},
    {"selectattr", "*", filter_selectattr},
    {"slice", "slices fill_with", filter_slice},
    {"sort", "reverse case_sensitive attribute", filter_sort},
    {"string", "", filter_string},
    {"sum", "attribute start", filter_sum},
    {"title", "", filter_title},
    {"tojson", "ensure_ascii indent separators sort_keys", filter_tojson},
    {"trim", "chars", filter_trim},
    {"truncate", "length killwords end leeway", filter_truncate},
    {"unique", "case_sensitive attribute", filter_unique},
    {"upper", "", filter_upper},
    {"wordcount", "", filter_wordcount},
};

}  // namespace

const std::span<const Builtin> filters = table;

}  // namespace puna::jinja
