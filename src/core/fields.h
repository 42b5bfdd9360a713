// core/fields.h — one list per options struct drives flags, help, JSON, recipes and checkpoints.
//
//   struct SampleOptions { float temperature = 1; int64_t seed = 0; };
//   template <class F> void fields(SampleOptions& o, F field) {
//       field.group("Sampling");
//       field("temperature", o.temperature, "0 picks the most likely token", {.min = 0, .max = 100});
//       field("seed",        o.seed,        "random seed",                   {.min = 0, .unset = "from the clock"});
//   }
//   void print(SampleOptions options) {
//       for (Field& f : list_fields(options)) fmt::print("--{} {}\n", f.name, to_text(f));
//   }
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace puna {

struct JsonValue;  // core/json_value.h

using FieldPointer =
    std::variant<bool*, int*, int64_t*, uint64_t*, float*, double*, std::string*, std::vector<std::string>*>;

// What a field accepts beyond its type, and how help shows it.
struct Values {
    std::string_view word =
        {};  // in help: FOLDER, TEXT; "bf16|f32" lists the only texts accepted; empty: from the type
    double min = -std::numeric_limits<double>::infinity(), max = std::numeric_limits<double>::infinity();
    bool above_min = false, below_max = false;  // exclude min, max itself
    std::string_view unset = {};  // what the default stands for, as "off" or "the physical cores it may use"
    bool required = false;        // the text must not be empty
};

struct Field {
    std::string_view name;  // snake_case; the flag is in kebab-case
    FieldPointer value;
    std::string_view help;
    Values values = {};
    std::string_view group = {};  // heading in help
};

// The `field` of the lists above.
class FieldList {
 public:
    explicit FieldList(std::vector<Field>& list) : list_(list) {}

    void group(std::string_view heading) { group_ = heading; }  // of the fields that follow
    template <class T>
    void operator()(std::string_view name, T& value, std::string_view help, const Values& values = {}) {
        list_.push_back({name, &value, help, values, group_});
    }

 private:
    std::vector<Field>& list_;
    std::string_view group_;
};

template <class Options>
std::vector<Field> list_fields(Options& options) {
    std::vector<Field> list;
    fields(options, FieldList(list));
    return list;
}

// Convert text to the value and back; the round trip is exact. set_from_text and set_from_json throw Error for another
// type and for what the field does not accept, as "temperature must be a number, not 'hot'".
void set_from_text(Field& field, std::string_view text);
void set_from_json(Field& field, const JsonValue& json);
std::string to_text(const Field& field);
std::string_view type_name(const Field& field);  // with article: "a number", "a string", "true or false", ...
std::string value_word(const Field& field);      // for help: "FOLDER", "N", "0..1"; empty for true or false

// Convert to {"temperature": 0.7, ...} and back. from_json throws Error for unknown keys and values that the field does
// not accept, with messages that begin with `where`; fields without a key are unchanged.
std::string to_json(const std::vector<Field>& fields);
void from_json(std::vector<Field>& fields, std::string_view json, std::string_view where);

// Throws Error for the first value that its field does not accept, for options that were not set from text or JSON.
void check_values(const std::vector<Field>& fields);
template <class Options>
void check_values(Options options) {
    check_values(list_fields(options));
}

// Throws Error that begins with `where` and suggests the closest name.
Field& find_field(std::vector<Field>& fields, std::string_view name, std::string_view where);

// The only name in `known` that begins with `name`, else the nearest by edit distance; empty if none is close.
std::string_view closest(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace puna
