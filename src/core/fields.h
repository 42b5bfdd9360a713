// core/fields.h — one list per options struct drives flags, help, JSON, recipes and checkpoints.
//
//   struct SampleOptions { float temperature = 1; int64_t seed = 0; };
//   template <class F> void fields(SampleOptions& o, F field) {
//       field("temperature", o.temperature, "0 picks the likeliest token");
//       field("seed",        o.seed,        "0 draws one from the clock");
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
    std::string_view name;  // words joined by '_'; a flag joins them by '-'
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

// Text to value and back; to_text(read back) gives the same value. Throws Error: "temperature: 'hot' is not a number".
void set_from_text(Field& field, std::string_view text);
std::string to_text(const Field& field);
std::string_view type_name(const Field& field);  // "number", "text", "true or false", ...

// {"temperature": 0.7, ...} and back. from_json refuses keys that no field has and values of the wrong type, and leaves
// fields without a key as they are; `place` opens the messages.
std::string to_json(const std::vector<Field>& fields);
void from_json(std::vector<Field>& fields, std::string_view json, std::string_view place);

// The name in `known` that `name` was probably meant to be, or an empty one.
std::string_view closest(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace puna
