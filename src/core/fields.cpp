#include "core/fields.h"

#include "core/error.h"

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

void parse(std::string_view name, std::string_view text, bool& value) {
    if (text != "true" && text != "false") fail("{}: '{}' must be true or false", name, printable(text));
    value = text == "true";
}

template <Number T>
void parse(std::string_view name, std::string_view text, T& value) {
    T parsed{};
    auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), parsed);
    if (problem == std::errc::result_out_of_range) fail("{}: {} is out of range", name, printable(text));
    if (problem != std::errc() || end != text.data() + text.size() || !is_finite(parsed))
        fail("{}: '{}' is not a {}number", name, printable(text), std::integral<T> ? "whole " : "");
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

std::string_view type_word(const bool&) { return "true or false"; }
template <Number T>
std::string_view type_word(const T&) {
    return std::integral<T> ? "whole number" : "number";
}
std::string_view type_word(const std::string&) { return "string"; }
std::string_view type_word(const std::vector<std::string>&) { return "list of strings"; }

bool fits(const nlohmann::json& json, const bool&) { return json.is_boolean(); }
template <std::floating_point T>
bool fits(const nlohmann::json& json, const T&) {
    return json.is_number() && std::abs(json.get<double>()) <= static_cast<double>(std::numeric_limits<T>::max());
}
template <std::integral T>
bool fits(const nlohmann::json& json, const T&) {
    if (json.is_number_unsigned()) return std::in_range<T>(json.get<uint64_t>());
    return json.is_number_integer() && std::in_range<T>(json.get<int64_t>());
}
bool fits(const nlohmann::json& json, const std::string&) { return json.is_string(); }
bool fits(const nlohmann::json& json, const std::vector<std::string>&) {
    return json.is_array() && std::all_of(json.begin(), json.end(), [](const auto& item) { return item.is_string(); });
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
    std::visit([&](auto* value) { parse(field.name, text, *value); }, field.value);
}

std::string to_text(const Field& field) {
    return std::visit([](const auto* value) { return print(*value); }, field.value);
}

std::string_view type_name(const Field& field) {
    return std::visit([](const auto* value) { return type_word(*value); }, field.value);
}

std::string to_json(const std::vector<Field>& fields) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (const Field& field : fields)
        std::visit([&](const auto* value) { json[std::string(field.name)] = json_of(*value); }, field.value);
    return json.dump(-1, ' ', false,
                     nlohmann::json::error_handler_t::replace);  // command-line text may not be valid UTF-8
}

void from_json(std::vector<Field>& fields, std::string_view text, std::string_view where) {
    nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) fail("{}: not a JSON object", where);
    std::vector<std::string_view> known;
    for (const Field& field : fields) known.push_back(field.name);
    for (const auto& [key, item] : json.items()) {
        auto at = std::find(known.begin(), known.end(), key);
        if (at == known.end()) {
            std::string_view guess = closest(key, known);
            fail("{}: unknown field '{}'{}", where, printable(key),
                 guess.empty() ? "" : fmt::format(", did you mean '{}'?", guess));
        }
        Field& field = fields[static_cast<size_t>(at - known.begin())];
        const nlohmann::json& source = item;
        std::visit(
            [&](auto* value) {
                if (!fits(source, *value))
                    fail("{}: '{}' must be of type {}, not {}", where, field.name, type_name(field),
                         printable(source.dump()));
                source.get_to(*value);
            },
            field.value);
    }
}

std::string_view closest(std::string_view name, const std::vector<std::string_view>& known) {
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
