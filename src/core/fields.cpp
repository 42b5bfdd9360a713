#include "core/fields.h"

#include "core/error.h"
#include "core/json_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <limits>

#include <nlohmann/json.hpp>

namespace puna {

namespace {

template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, bool>;

template <Number T>
bool is_finite(T value) {
    return std::integral<T> || std::isfinite(static_cast<double>(value));
}

std::string_view type_word(const bool&) { return "true or false"; }
template <Number T>
std::string_view type_word(const T&) {
    return std::integral<T> ? "an integer" : "a number";
}
std::string_view type_word(const std::string&) { return "a string"; }
std::string_view type_word(const std::vector<std::string>&) { return "a list of strings"; }

void parse(std::string_view name, std::string_view text, bool& value) {
    if (text != "true" && text != "false") fail("{} must be true or false, not '{}'", name, printable(text));
    value = text == "true";
}

template <Number T>
void parse(std::string_view name, std::string_view text, T& value) {
    T parsed{};
    auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), parsed);
    if (problem == std::errc::result_out_of_range) fail("{} is out of range: {}", name, printable(text));
    if (problem != std::errc() || end != text.data() + text.size() || !is_finite(parsed))
        fail("{} must be {}, not '{}'", name, type_word(parsed), printable(text));
    value = parsed;
}

void parse(std::string_view, std::string_view text, std::string& value) { value = text; }

void parse(std::string_view, std::string_view text, std::vector<std::string>& value) {
    value.clear();
    while (!text.empty()) {
        size_t comma = std::min(text.find(','), text.size());
        value.emplace_back(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
}

std::string print(bool value) { return value ? "true" : "false"; }
template <Number T>
std::string print(T value) {
    return fmt::format("{}", value);
}
std::string print(const std::string& value) { return value; }
std::string print(const std::vector<std::string>& value) {
    std::string text;
    for (const std::string& item : value) text += (text.empty() ? "" : ",") + item;
    return text;
}

// From a JSON value; false if it is of another type. Throws Error for a value of the right type that does not fit.
bool read(std::string_view, const JsonValue& json, bool& value) {
    value = json.raw == "true";
    return json.kind == JsonEvent::boolean;
}
template <Number T>
bool read(std::string_view name, const JsonValue& json, T& value) {
    bool whole = json.raw.find_first_of(".eE") == json.raw.npos;
    if (!json.is_number() || (std::integral<T> && !whole)) return false;
    if (std::unsigned_integral<T> && json.raw.starts_with('-'))
        fail("{} is out of range: {}", name, printable(json.raw));
    parse(name, json.raw, value);
    return true;
}
bool read(std::string_view name, const JsonValue& json, std::string& value) {
    if (!json.is_string()) return false;
    value = text_of(json, name);
    return true;
}
bool read(std::string_view name, const JsonValue& json, std::vector<std::string>& value) {
    value.clear();
    bool all_strings = true;
    auto add = [&](const JsonValue& item) { all_strings = all_strings && read(name, item, value.emplace_back()); };
    return json.is_array() && for_each_item(json.raw, name, add) && all_strings;
}

std::vector<std::string_view> choices_of(std::string_view word) {
    std::vector<std::string_view> choices;
    for (size_t begin = 0, end = 0; begin < word.size(); begin = end + 1) {
        end = std::min(word.find('|', begin), word.size());
        choices.push_back(word.substr(begin, end - begin));
    }
    return choices;
}

void check_value(const Field&, bool) {}
void check_value(const Field&, const std::vector<std::string>&) {}

template <Number T>
void check_value(const Field& field, T value) {
    const Values& v = field.values;
    double x = static_cast<double>(value);
    if (v.above_min ? !(x > v.min) : !(x >= v.min))
        fail("{} must be {} {}, not {}", field.name, v.above_min ? "more than" : "at least", v.min, value);
    if (v.below_max ? !(x < v.max) : !(x <= v.max))
        fail("{} must be {} {}, not {}", field.name, v.below_max ? "less than" : "at most", v.max, value);
}

// Without a text, a default that stands for something is accepted.
void check_value(const Field& field, const std::string& value) {
    if (field.values.word.find('|') == std::string_view::npos || (value.empty() && !field.values.unset.empty())) return;
    std::vector<std::string_view> choices = choices_of(field.values.word);
    if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
    std::string list(choices[0]);
    for (size_t i = 1; i < choices.size(); ++i)
        list += fmt::format("{}{}", i + 1 < choices.size() ? ", " : " or ", choices[i]);
    fail("{} must be {}, not '{}'", field.name, list, printable(value));
}

void check_present(const Field& field) {
    const auto* text = std::get_if<std::string*>(&field.value);
    if (field.values.required && text && (*text)->empty()) fail("{} is missing: {}", field.name, field.help);
}

template <class T>
const T& json_of(const T& value) {
    return value;
}
double json_of(const float& value) {  // shortest round-trip form: 0.7, not 0.699999988079071
    double shortest = 0;
    parse("", print(value), shortest);
    return shortest;
}

// Levenshtein distance; quadratic, for short words.
size_t distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

void set_from_text(Field& field, std::string_view text) {
    auto set = [&](auto* value) {
        auto parsed = *value;
        parse(field.name, text, parsed);
        check_value(field, parsed);
        *value = std::move(parsed);
    };
    std::visit(set, field.value);
}

void set_from_json(Field& field, const JsonValue& json) {
    auto set = [&](auto* value) {
        auto parsed = *value;
        if (!read(field.name, json, parsed))
            fail("{} must be {}, not {}", field.name, type_word(parsed), printable(compact_json(json.raw)));
        check_value(field, parsed);
        *value = std::move(parsed);
    };
    std::visit(set, field.value);
}

std::string to_text(const Field& field) {
    return std::visit([](const auto* value) { return print(*value); }, field.value);
}

std::string_view type_name(const Field& field) {
    return std::visit([](const auto* value) { return type_word(*value); }, field.value);
}

std::string value_word(const Field& field) {
    const Values& v = field.values;
    bool integer = type_name(field) == type_word(0);
    double shown_max = integer ? 1024 : 100;  // a larger bound says little in help
    if (!v.word.empty()) return std::string(v.word);
    if (std::holds_alternative<bool*>(field.value)) return "";
    if (std::holds_alternative<std::string*>(field.value)) return "TEXT";
    if (std::holds_alternative<std::vector<std::string>*>(field.value)) return "A,B,...";
    if (std::isfinite(v.min) && v.max <= shown_max) return fmt::format("{}..{}", v.min, v.max);
    return integer ? "N" : "X";
}

void check_values(const std::vector<Field>& fields) {
    for (const Field& field : fields) {
        check_present(field);
        std::visit([&](const auto* value) { check_value(field, *value); }, field.value);
    }
}

std::string to_json(const std::vector<Field>& fields) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (const Field& field : fields)
        std::visit([&](const auto* value) { json[std::string(field.name)] = json_of(*value); }, field.value);
    return json.dump(-1, ' ', false,
                     nlohmann::json::error_handler_t::replace);  // command-line text may not be valid UTF-8
}

void from_json(std::vector<Field>& fields, std::string_view text, std::string_view where) {
    bool object = for_each_member(text, where, [&](std::string_view key, const JsonValue& value) {
        Field& field = find_field(fields, key, where);
        try {
            set_from_json(field, value);
        } catch (const Error& problem) {
            fail("{}: {}", where, problem.what());
        }
    });
    if (!object) fail("{}: not a JSON object", where);
}

Field& find_field(std::vector<Field>& fields, std::string_view name, std::string_view where) {
    std::vector<std::string_view> known;
    for (Field& field : fields) {
        if (field.name == name) return field;
        known.push_back(field.name);
    }
    std::string_view guess = closest(name, known);
    fail("{}: unknown field '{}'{}", where, printable(name),
         guess.empty() ? "" : fmt::format(". Did you mean '{}'?", guess));
}

std::string_view closest(std::string_view name, const std::vector<std::string_view>& known) {
    auto begins = [name](std::string_view candidate) { return candidate.starts_with(name); };
    if (!name.empty() && std::count_if(known.begin(), known.end(), begins) == 1)
        return *std::find_if(known.begin(), known.end(), begins);
    std::string_view best;
    size_t best_distance = (name.size() + 2) / 3 + 1;
    for (std::string_view candidate : known) {
        size_t d = distance(name, candidate);
        if (d < best_distance) {
            best_distance = d;
            best = candidate;
        }
    }
    return best;
}

}  // namespace puna
