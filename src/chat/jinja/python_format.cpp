#include "chat/jinja/python_format.h"

#include "chat/jinja/python_str.h"
#include "core/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace puna::jinja {

using Kind = Value::Kind;

namespace {

constexpr size_t max_width = 10'000, max_precision = 400;

// A format specification: [[fill]align][sign][#][0][width][,][.precision][type].
struct FormatSpec {
    char32_t fill = ' ';
    char align = '\0', sign = '-', grouping = '\0', type = '\0';  // '\0': default of the value's type
    bool alternate = false;
    size_t width = 0;
    std::optional<size_t> precision;
};

Text padded(Text text, const FormatSpec& spec, char natural_align, size_t sign_size = 0) {
    if (text.size() >= spec.width) return text;
    size_t missing = spec.width - text.size();
    char align = spec.align ? spec.align : natural_align;
    size_t before = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
    size_t at = align == '=' ? sign_size : 0;
    text.insert(at, before, spec.fill);
    return text.append(missing - before, spec.fill);
}

void group_digits(std::string& digits, char separator) {
    size_t end = std::min(digits.find_first_of(".e"), digits.size());
    for (size_t at = end; at > 3; at -= 3) digits.insert(at - 3, 1, separator);
}

std::string float_digits(double value, const FormatSpec& spec) {
    auto precision = static_cast<int>(spec.precision.value_or(6));
    switch (spec.type) {
        case 'e':
            return fmt::format("{:.{}e}", value, precision);
        case 'E':
            return fmt::format("{:.{}E}", value, precision);
        case 'f':
            return fmt::format("{:.{}f}", value, precision);
        case 'F':
            return fmt::format("{:.{}F}", value, precision);
        case '%':
            return fmt::format("{:.{}f}%", value * 100, precision);
        case 'G':
            return fmt::format("{:.{}G}", value, std::max(precision, 1));
        case 'g':
            return fmt::format("{:.{}g}", value, std::max(precision, 1));
        default:
            return float_repr(value);
    }
}

std::string integer_digits(uint64_t value, const FormatSpec& spec) {
    switch (spec.type) {
        case 'x':
            return fmt::format("{}{:x}", spec.alternate ? "0x" : "", value);
        case 'X':
            return fmt::format("{}{:X}", spec.alternate ? "0X" : "", value);
        case 'o':
            return fmt::format("{}{:o}", spec.alternate ? "0o" : "", value);
        case 'b':
            return fmt::format("{}{:b}", spec.alternate ? "0b" : "", value);
        default:
            return fmt::format("{}", value);
    }
}

constexpr std::string_view float_types = "eEfFgG%", integer_types = "dxXobc";

bool is_type(std::string_view types, char type) { return type != '\0' && types.find(type) != types.npos; }

char32_t character_of(int64_t code) {
    bool is_surrogate = code >= 0xd800 && code < 0xe000;
    if (code < 0 || code > 0x10ffff || is_surrogate) fail("%c format: {} is no character", code);
    return static_cast<char32_t>(code);
}

// Combinations in which Python does more than format_number.
void check_number_spec(const Value& value, const FormatSpec& spec, bool as_float) {
    if (value.is(Kind::floating) && is_type(integer_types, spec.type))
        fail("unknown format code '{}' for a float", spec.type);
    bool zeros = spec.align == '=' && code_of(spec.fill) == '0';
    bool is_decimal = spec.type == '\0' || spec.type == 'd';
    bool unsupported =
        as_float ? spec.alternate || (spec.type == '\0' && spec.precision) : spec.grouping != '\0' && !is_decimal;
    if (value.is(Kind::big_integer) && !as_float)
        unsupported = !is_decimal || spec.precision || spec.grouping != '\0' || spec.sign != '-' || zeros;
    if (unsupported || (spec.grouping != '\0' && zeros)) fail("this format of a number is not supported");
}

// A number may be a message's, so its digits are tainted.
Text format_number(const Value& value, const FormatSpec& spec) {
    bool as_float = value.is(Kind::floating) || is_type(float_types, spec.type);
    check_number_spec(value, spec, as_float);
    if (value.is(Kind::big_integer) && !as_float) return padded(tainted(text_of(value.digits())), spec, '>');
    if (spec.type == 'c') return padded(Text(1, character_of(*value.as_integer()) | from_value), spec, '<');
    double number = *value.as_double();
    bool negative = as_float ? std::signbit(number) : *value.as_integer() < 0;
    std::string digits = as_float ? float_digits(std::abs(number), spec)
                                  : integer_digits(negative ? 0 - static_cast<uint64_t>(*value.as_integer())
                                                            : static_cast<uint64_t>(*value.as_integer()),
                                                   spec);
    if (!as_float && spec.precision && digits.size() < *spec.precision)
        digits.insert(0, *spec.precision - digits.size(), '0');
    if (spec.grouping) group_digits(digits, spec.grouping);
    std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
    return padded(tainted(text_of(sign + digits)), spec, '>', sign.size());
}

Text format_text(Text text, const FormatSpec& spec) {
    if (spec.precision && text.size() > *spec.precision) text.resize(*spec.precision);
    return padded(std::move(text), spec, '<');
}

size_t take_number(TextView& rest, size_t limit) {
    size_t number = 0;
    while (!rest.empty() && code_of(rest[0]) >= '0' && code_of(rest[0]) <= '9') {
        number = number * 10 + (code_of(rest[0]) - '0');
        if (number > limit) fail("a width or precision in a format exceeds {}", limit);
        rest.remove_prefix(1);
    }
    return number;
}

char ascii(char32_t c) { return code_of(c) < 0x80 ? static_cast<char>(code_of(c)) : '\0'; }
char first_of(TextView rest) { return rest.empty() ? '\0' : ascii(rest[0]); }

// ---- the % operator

class PercentFormatter {
 public:
    PercentFormatter(const Text& format, const Value& arguments, Budget& budget)
        : rest_(format), arguments_(arguments), budget_(budget) {
        bool is_tuple = arguments.is_list() && arguments.list().is_tuple();
        positional_ = is_tuple ? arguments.items() : std::vector{arguments};
    }

    Text run() {
        Text out;
        for (size_t at; (at = rest_.find('%')) != TextView::npos;) {
            out += rest_.substr(0, at);
            rest_.remove_prefix(at + 1);
            out += format_next();
        }
        out += rest_;
        if (next_ < positional_.size() && !arguments_.is_dict())
            fail("not all arguments were converted by the % format");
        budget_.write(out.size());
        return without_flag(std::move(out), escaped);
    }

 private:
    Text format_next() {
        std::optional<Value> named = take_keyword();
        FormatSpec spec = take_spec();
        if (rest_.empty()) fail("incomplete % format");
        char32_t letter = rest_[0];
        spec.type = ascii(letter);
        rest_.remove_prefix(1);
        if (spec.type == '%') return Text(1, letter);
        budget_.write(spec.width);
        Value value = named ? *named : take();
        if (spec.type == 's' || spec.type == 'r')
            return format_text(spec.type == 's' ? to_text(value, budget_) : repr(value, budget_), spec);
        if (spec.type == 'c' && value.is_text() && value.text().size() == 1) return format_text(value.text(), spec);
        return convert_number(value, spec);
    }

    static Text convert_number(Value value, FormatSpec spec) {
        if (spec.type == 'i' || spec.type == 'u') spec.type = 'd';
        if (!is_type(float_types, spec.type) && !is_type("dxXoc", spec.type))
            fail("unsupported % format '%{}'", printable(std::string(1, spec.type)));
        if (!value.as_double()) fail("%{} format: a number is required, not {}", spec.type, type_name(value));
        if (value.is(Kind::floating) && is_type("xXoc", spec.type))
            fail("%{} format: an integer is required, not float", spec.type);
        if (value.is(Kind::floating) && !is_type(float_types, spec.type)) {
            if (!(std::abs(value.floating()) < 0x1p62)) fail("%{} format: the number is too large", spec.type);
            value = static_cast<int64_t>(value.floating());
        }
        return format_number(value, spec);
    }

    std::optional<Value> take_keyword() {
        if (first_of(rest_) != '(') return {};
        size_t end = rest_.find(')');
        if (end == TextView::npos || !arguments_.is_dict()) fail("a % format with a name requires a dict");
        const Value* found = arguments_.dict().find(Text(rest_.substr(1, end - 1)), budget_);
        if (!found) fail("% format: no key '{}' in the dict", printable(encode_utf8(rest_.substr(1, end - 1))));
        rest_.remove_prefix(end + 1);
        return *found;
    }

    FormatSpec take_spec() {
        FormatSpec spec{.align = '>'};
        bool zero = false;
        for (; !rest_.empty() && std::string_view("-+ #0").find(first_of(rest_)) != std::string_view::npos &&
               first_of(rest_);
             rest_.remove_prefix(1)) {
            char flag = first_of(rest_);
            if (flag == '-') spec.align = '<';
            if (flag == '+' || flag == ' ') spec.sign = flag;
            if (flag == '#') spec.alternate = true;
            if (flag == '0') zero = true;
        }
        if (zero && spec.align == '>') spec.fill = '0', spec.align = '=';
        spec.width = take_size(max_width);
        if (first_of(rest_) == '.') {
            rest_.remove_prefix(1);
            spec.precision = take_size(max_precision);
        }
        while (first_of(rest_) == 'l' || first_of(rest_) == 'h' || first_of(rest_) == 'L') rest_.remove_prefix(1);
        return spec;
    }

    size_t take_size(size_t limit) {
        if (first_of(rest_) != '*') return take_number(rest_, limit);
        rest_.remove_prefix(1);
        std::optional<int64_t> given = take().as_integer();
        if (!given || *given < 0 || *given > static_cast<int64_t>(limit))
            fail("* in a % format requires an integer from 0 to {}", limit);
        return static_cast<size_t>(*given);
    }

    Value take() {
        if (next_ == positional_.size()) fail("not enough arguments for the % format");
        return positional_[next_++];
    }

    TextView rest_;
    const Value& arguments_;
    Budget& budget_;
    std::vector<Value> positional_;
    size_t next_ = 0;
};

// ---- str.format

FormatSpec parse_spec(TextView rest) {
    FormatSpec spec;
    auto is_align = [](char c) { return c == '<' || c == '>' || c == '=' || c == '^'; };
    auto take_if = [&rest](std::string_view wanted) {
        char c = first_of(rest);
        if (c == '\0' || wanted.find(c) == wanted.npos) return '\0';
        rest.remove_prefix(1);
        return c;
    };
    if (rest.size() > 1 && is_align(ascii(rest[1]))) {
        spec.fill = rest[0];
        rest.remove_prefix(1);
    }
    spec.align = take_if("<>=^");
    if (char sign = take_if("+- ")) spec.sign = sign;
    spec.alternate = take_if("#");
    if (take_if("0") && !spec.align) spec.fill = '0', spec.align = '=';
    spec.width = take_number(rest, max_width);
    spec.grouping = take_if(",_");
    if (take_if(".")) spec.precision = take_number(rest, max_precision);
    spec.type = first_of(rest);
    if (rest.size() > 1 || (rest.size() == 1 && spec.type == '\0')) fail("invalid format specification");
    return spec;
}

Text format_value(const Value& value, TextView spec_text, Budget& budget) {
    if (spec_text.empty()) return to_text(value, budget);
    FormatSpec spec = parse_spec(spec_text);
    budget.write(spec.width);
    if (value.is_text() && (spec.type == '\0' || spec.type == 's')) return format_text(value.text(), spec);
    bool known = spec.type == '\0' || is_type(float_types, spec.type) || is_type(integer_types, spec.type);
    if (!value.as_double() || !known)
        fail("format specification '{}' does not apply to a '{}'", printable(encode_utf8(spec_text)), type_name(value));
    return format_number(value, spec);
}

class BraceFormatter {
 public:
    BraceFormatter(const Arguments& arguments, const FindField& find, Budget& budget)
        : arguments_(arguments), find_(find), budget_(budget) {}

    Text run(TextView format, bool nested = false) {
        Text out;
        while (!format.empty()) {
            char c = first_of(format);
            bool doubled = format.size() > 1 && ascii(format[1]) == c;
            if (c != '{' && c != '}') {
                out += format[0];
                format.remove_prefix(1);
            } else if (doubled) {
                out += format[0];
                format.remove_prefix(2);
            } else if (c == '}') {
                fail("single '}}' in a format string");
            } else {
                size_t end = end_of_field(format);
                out += format_field(format.substr(1, end - 1), nested);
                format.remove_prefix(end + 1);
            }
            budget_.step();
        }
        budget_.write(out.size());
        return out;
    }

 private:
    static size_t end_of_field(TextView format) {
        int open = 0;
        for (size_t i = 0; i < format.size(); ++i) {
            open += (ascii(format[i]) == '{') - (ascii(format[i]) == '}');
            if (open == 0) return i;
        }
        fail("unterminated '{{' in a format string");
    }

    Text format_field(TextView field, bool nested) {
        size_t colon = std::min(field.find(':'), field.size());
        TextView name = field.substr(0, colon), spec = field.substr(std::min(colon + 1, field.size()));
        size_t mark = std::min(name.find('!'), name.size());
        char conversion = mark + 1 < name.size() ? ascii(name[mark + 1]) : '\0';
        Value value = find(name.substr(0, mark));
        if (conversion == 'r') value = repr(value, budget_);
        if (conversion == 's') value = to_text(value, budget_);
        if (mark < name.size() && conversion != 'r' && conversion != 's')
            fail("'{}' in a format string is not supported", printable(encode_utf8(name.substr(mark))));
        if (nested && !spec.empty()) fail("format specifications nest too deeply");
        return format_value(value, run(spec, true), budget_);
    }

    // The value of a field name: "", "0", "name", "0.attribute", "name[key]".
    Value find(TextView name) {
        size_t end = std::min(name.find_first_of(U".["), name.size());
        Value value = find_argument(name.substr(0, end));
        while (end < name.size()) {
            bool in_brackets = ascii(name[end]) == '[';
            size_t begin = end + 1;
            end = std::min(in_brackets ? name.find(']', begin) : name.find_first_of(U".[", begin), name.size());
            value = find_(value, key_of(name.substr(begin, end - begin), in_brackets), in_brackets);
            if (in_brackets) end = std::min(end + 1, name.size());
        }
        return value;
    }

    static Value key_of(TextView name, bool may_be_number) {
        bool is_number = may_be_number && !name.empty() && std::all_of(name.begin(), name.end(), [](char32_t c) {
                             return code_of(c) >= '0' && code_of(c) <= '9';
                         });
        if (!is_number) return Text(name);
        return static_cast<int64_t>(take_number(name, max_width));
    }

    Value find_argument(TextView name) {
        Value key = key_of(name, true);
        if (name.empty() || !key.is_text()) {
            size_t index = name.empty() ? next_++ : static_cast<size_t>(key.integer());
            if (index >= arguments_.positional.size()) fail("the format string has no argument {}", index);
            return arguments_.positional[index];
        }
        for (const auto& [known, value] : arguments_.keyword)
            if (known == name) return value;
        fail("the format string has no argument '{}'", printable(encode_utf8(name)));
    }

    const Arguments& arguments_;
    const FindField& find_;
    Budget& budget_;
    size_t next_ = 0;
};

}  // namespace

Text format_percent(const Text& format, const Value& arguments, Budget& budget) {
    if (is_escaped(format)) fail("% of text that is marked as safe is not supported: use `| string` before it");
    return PercentFormatter(format, arguments, budget).run();
}

Text format_braces(const Text& format, const Arguments& arguments, const FindField& find, Budget& budget) {
    return BraceFormatter(arguments, find, budget).run(format);
}

}  // namespace puna::jinja
