#include "core/fields.h"

#include "core/error.h"
#include "core/json_document.h"
#include "core/json_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>

#include <fmt/format.h>

namespace puna {

namespace {

template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, bool>;

// What is wrong with a value, as "must be a number, not 'hot'"; empty: nothing.
using Problem = std::string;

template <Number T>
bool is_finite(T value) {
    return std::integral<T> || std::isfinite(static_cast<double>(value));
}

std::string_view type_word(const bool&) { return "true or false"; }
template <Number T>
std::string_view type_word(const T&) {
    return std::integral<T> ? "an integer" : "a number";
}
template <Number T>
std::string_view type_word(const std::optional<T>&) {
    return type_word(T{});
}
std::string_view type_word(const std::string&) { return "a string"; }
std::string_view type_word(const std::vector<std::string>&) { return "a list of strings"; }

// ---- from text

Problem parse(std::string_view text, bool& value) {
    value = text == "true";
    return value || text == "false" ? "" : fmt::format("must be true or false, not '{}'", printable(text));
}

template <Number T>
Problem parse(std::string_view text, T& value) {
    auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem == std::errc::result_out_of_range) return fmt::format("is out of range: {}", printable(text));
    if (problem != std::errc() || end != text.data() + text.size() || !is_finite(value))
        return fmt::format("must be {}, not '{}'", type_word(value), printable(text));
    return "";
}

template <Number T>
Problem parse(std::string_view text, std::optional<T>& value) {
    return parse(text, value.emplace());
}

Problem parse(std::string_view text, std::string& value) {
    value = text;
    return "";
}

Problem parse(std::string_view text, std::vector<std::string>& value) {
    value.emplace_back(text);
    return "";
}

// ---- from JSON

template <class T>
Problem expected(const T& value, const JsonNode& json) {
    return fmt::format("must be {}, not {}", type_word(value), printable(compact_json(json.raw())));
}

Problem read(const JsonNode& json, bool& value) {
    value = json.raw() == "true";
    return json.is_boolean() ? "" : expected(value, json);
}
template <Number T>
Problem read(const JsonNode& json, T& value) {
    bool whole = json.raw().find_first_of(".eE") == std::string_view::npos;
    if (!json.is_number() || (std::integral<T> && !whole)) return expected(value, json);
    if (std::unsigned_integral<T> && json.raw().starts_with('-'))
        return fmt::format("is out of range: {}", printable(json.raw()));
    return parse(json.raw(), value);
}
template <Number T>
Problem read(const JsonNode& json, std::optional<T>& value) {
    return json.is_null() ? "" : read(json, value.emplace());
}
Problem read(const JsonNode& json, std::string& value) {
    if (!json.is_string()) return expected(value, json);
    value = json.text();
    return "";
}
Problem read(const JsonNode& json, std::vector<std::string>& value) {
    if (!json.is_array()) return expected(value, json);
    for (const JsonNode& item : json.items()) {
        if (!item.is_string()) return expected(value, json);
        value.push_back(item.text());
    }
    return "";
}

// ---- what a field accepts

Problem check_value(const Values&, bool) { return ""; }
Problem check_value(const Values&, const std::string&) { return ""; }
Problem check_value(const Values&, const std::vector<std::string>& list) {
    bool empty = std::find(list.begin(), list.end(), "") != list.end();
    return empty ? "must not be an empty text" : "";
}
// Elsewhere -1 often stands for that.
std::string meaning_of_zero(const Values& v) { return v.unset.empty() ? "" : fmt::format("; 0 = {}", v.unset); }
template <Number T>
Problem check_value(const Values& v, T value) {
    double x = static_cast<double>(value);
    if (v.above_min ? !(x > v.min) : !(x >= v.min))
        return fmt::format("must be {} {}, not {}{}", v.above_min ? "more than" : "at least", v.min, value,
                           std::integral<T> && v.min == 0 ? meaning_of_zero(v) : "");
    if (v.below_max ? !(x < v.max) : !(x <= v.max))
        return fmt::format("must be {} {}, not {}", v.below_max ? "less than" : "at most", v.max, value);
    return "";
}

// An optional number has a value of its own for what is not set.
template <Number T>
Problem check_value(Values v, std::optional<T> value) {
    v.unset = {};
    return value ? check_value(v, *value) : "";
}

// Of a value that a program has set.
template <class T>
Problem check_set(const Values& v, const T* value) {
    if constexpr (std::floating_point<T>)
        if (!is_finite(*value)) return fmt::format("must be a number, not '{}'", *value);
    return check_value(v, *value);
}
Problem check_set(const Values&, const EnumPointer&) { return ""; }

// The names of an enum that the field accepts.
std::vector<std::string_view> names_of(const Field& field, const EnumPointer& choice) {
    std::string_view word = field.values.word;
    if (word.empty()) return choice.names;
    std::vector<std::string_view> names;
    for (size_t begin = 0, end = 0; begin < word.size(); begin = end + 1) {
        end = std::min(word.find('|', begin), word.size());
        names.push_back(word.substr(begin, end - begin));
    }
    return names;
}

Problem check_name(const Field& field, const EnumPointer& choice, std::string_view name) {
    std::vector<std::string_view> names = names_of(field, choice);
    if (std::find(names.begin(), names.end(), name) != names.end()) return "";
    std::string list(names[0]);
    for (size_t i = 1; i < names.size(); ++i)
        list += fmt::format("{}{}", i + 1 < names.size() ? ", " : " or ", names[i]);
    return fmt::format("must be {}, not '{}'", list, printable(name));
}

std::string name_of(const EnumPointer& choice) {
    std::optional<size_t> index = choice.get(choice.value);
    return index ? std::string(choice.names.at(*index)) : "";
}

// An empty text: an optional value that is not set.
Problem set(const Field& field, const EnumPointer& choice, std::string_view text) {
    std::optional<size_t> index;
    if (!text.empty() || !choice.is_optional) {
        Problem problem = check_name(field, choice, text);
        if (!problem.empty()) return problem;
        index = static_cast<size_t>(std::find(choice.names.begin(), choice.names.end(), text) - choice.names.begin());
        check(*index < choice.names.size(), "field {}: {} is not a name of its enum", field.name, text);
    }
    choice.set(choice.value, index);
    return "";
}

// A rejected value leaves the field unchanged.
template <class T>
Problem set(const Field& field, T* value, Problem problem, T parsed) {
    if (problem.empty()) problem = check_value(field.values, parsed);
    if (problem.empty()) *value = std::move(parsed);
    return problem;
}

Problem set_text(const Field& field, const EnumPointer& choice, std::string_view text) {
    return set(field, choice, text);
}
template <class T>
Problem set_text(const Field& field, T* value, std::string_view text) {
    T parsed{};
    Problem problem = parse(text, parsed);
    return set(field, value, std::move(problem), std::move(parsed));
}

Problem set_json(const Field& field, const EnumPointer& choice, const JsonNode& json) {
    if (json.is_null() && choice.is_optional) return set(field, choice, "");
    if (!json.is_string()) return expected(std::string(), json);
    return set(field, choice, json.text());
}
template <class T>
Problem set_json(const Field& field, T* value, const JsonNode& json) {
    T parsed{};
    Problem problem = read(json, parsed);
    return set(field, value, std::move(problem), std::move(parsed));
}

// ---- to text

std::string print(const bool* value) { return *value ? "true" : "false"; }
template <Number T>
std::string print(const T* value) {
    return fmt::format("{}", *value);
}
template <Number T>
std::string print(const std::optional<T>* value) {
    return *value ? print(&**value) : "";
}
std::string print(const std::string* value) { return *value; }
std::string print(const std::vector<std::string>* value) {
    std::string text;
    for (const std::string& item : *value) text += (text.empty() ? "" : ", ") + item;
    return text;
}
std::string print(const EnumPointer& choice) { return name_of(choice); }

template <class T>
JsonText json_of(const T* value) {
    return *value;
}
template <Number T>
JsonText json_of(const std::optional<T>* value) {
    return *value ? JsonText(**value) : JsonText(nullptr);
}
JsonText json_of(const EnumPointer& choice) {
    std::string name = name_of(choice);
    return name.empty() ? JsonText(nullptr) : JsonText(name);
}

template <class T>
std::string_view type_of(const T* value) {
    return type_word(*value);
}
std::string_view type_of(const EnumPointer&) { return type_word(std::string()); }

// Edit distance in which two neighbors that changed places are one edit (Damerau 1964, optimal string alignment);
// quadratic, for short words.
size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
    for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (size_t i = 1; i <= a.size(); ++i)
        for (size_t j = 1; j <= b.size(); ++j) {
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            d[i][j] = std::min({d[i - 1][j - 1] + (a[i - 1] != b[j - 1]), d[i - 1][j] + 1, d[i][j - 1] + 1});
            if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d.back().back();
}

}  // namespace

void set_from_text(Field& field, std::string_view text) {
    Problem problem = std::visit([&](const auto& value) { return set_text(field, value, text); }, field.value);
    if (!problem.empty()) fail_field(field.name, "{}", problem);
}

void set_from_json(Field& field, const JsonNode& json, ErrorKind kind) {
    Problem problem = std::visit([&](const auto& value) { return set_json(field, value, json); }, field.value);
    if (!problem.empty()) json.reject_field(field.name, problem, kind);
}

std::string to_text(const Field& field) {
    return std::visit([](const auto& value) { return print(value); }, field.value);
}

std::string_view type_name(const Field& field) {
    return std::visit([](const auto& value) { return type_of(value); }, field.value);
}

bool is_text(const Field& field) {
    return std::holds_alternative<std::string*>(field.value) || std::holds_alternative<EnumPointer>(field.value);
}

std::string value_word(const Field& field) {
    const Values& v = field.values;
    bool integer = type_name(field) == type_word(0);
    double shown_max = integer ? 1024 : 100;  // a larger bound says little in help
    if (!v.word.empty()) return std::string(v.word);
    if (const auto* choice = std::get_if<EnumPointer>(&field.value))
        return fmt::format("{}", fmt::join(choice->names, "|"));
    if (std::holds_alternative<bool*>(field.value)) return "";
    if (std::holds_alternative<std::string*>(field.value)) return "TEXT";
    if (std::holds_alternative<std::vector<std::string>*>(field.value)) return "TEXT";
    if (std::isfinite(v.min) && v.max <= shown_max) return fmt::format("{}..{}", v.min, v.max);
    return integer ? "N" : "X";
}

void check_required(const std::vector<Field>& fields) {
    for (const Field& field : fields)
        if (field.values.required && to_text(field).empty()) fail_field(field.name, "is missing: {}", field.help);
}

void check_values(const std::vector<Field>& fields) {
    for (const Field& field : fields) {
        Problem problem = std::visit([&](const auto& value) { return check_set(field.values, value); }, field.value);
        if (!problem.empty()) fail_field(field.name, "{}", problem);
    }
}

void copy_value(Field& to, const Field& from) {
    std::visit(
        [&]<class T>(T& value) {
            const T& source = std::get<T>(from.value);
            if constexpr (std::is_same_v<T, EnumPointer>)
                value.set(value.value, source.get(source.value));
            else
                *value = *source;
        },
        to.value);
}

std::string to_json(const std::vector<Field>& fields) {
    JsonObject json;
    for (const Field& field : fields)
        json.add(field.name, std::visit([](const auto& value) { return json_of(value); }, field.value));
    return json.text();
}

void from_json(std::vector<Field>& fields, const JsonNode& object) {
    for (const JsonMember& member : object.members())
        set_from_json(find_field(fields, member.name, object.place()), member.value);
}

Field& find_field(std::vector<Field>& fields, std::string_view name, std::string_view where, std::string_view what) {
    std::vector<std::string_view> known;
    for (Field& field : fields) {
        if (field.name == name) return field;
        known.push_back(field.name);
    }
    std::string_view guess = closest(name, known);
    std::string begin = fmt::format("{}: unknown {} '", where, what);
    throw Error(
        fmt::format("{}{}'{}", begin, printable(name), guess.empty() ? "" : fmt::format(". Did you mean '{}'?", guess)),
        printable(name), begin.size());
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
