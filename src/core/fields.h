// core/fields.h — one list per options struct drives flags, help, JSON, recipes and checkpoints.
//
//   struct SampleOptions { float temperature = 1; int64_t seed = 0; };
//   template <class F> void fields(SampleOptions& o, F field) {
//       field("temperature", o.temperature, "0 picks the most likely token");
//       field("seed",        o.seed,        "0 takes one from the clock");
//   }
//   void print(SampleOptions options) {
//       for (Field& f : list_fields(options)) fmt::print("--{} {}\n", f.name, to_text(f));
//   }
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace puna {

using FieldPointer =
    std::variant<bool*, int*, int64_t*, uint64_t*, float*, double*, std::string*, std::vector<std::string>*>;

struct Field {
    std::string_view name;  // snake_case; the flag is in kebab-case
    FieldPointer value;
    std::string_view help;
};

template <class Options>
std::vector<Field> list_fields(Options& options) {
    std::vector<Field> list;
    fields(options, [&list](std::string_view name, auto& value, std::string_view help) {
        list.push_back({name, &value, help});
    });
    return list;
}

// Convert text to the value and back; the round trip is exact. set_from_text throws Error, as "temperature: 'hot' is
// not a number".
void set_from_text(Field& field, std::string_view text);
std::string to_text(const Field& field);
std::string_view type_name(const Field& field);  // "number", "string", "true or false", ...

// Convert to {"temperature": 0.7, ...} and back. from_json throws Error for unknown keys and values of the wrong type,
// with messages that begin with `where`; fields without a key are unchanged.
std::string to_json(const std::vector<Field>& fields);
void from_json(std::vector<Field>& fields, std::string_view json, std::string_view where);

// The name in `known` nearest to `name` by edit distance; empty if none is close.
std::string_view closest(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace puna
