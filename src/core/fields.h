// core/fields.h — one list per options struct drives flags, help, JSON, recipes and checkpoints.
//
//   enum class Mode { fast, exact };
//   inline std::vector<std::string_view> enum_names(Mode) { return {"fast", "exact"}; }
//   struct SampleOptions { float temperature = 1; std::optional<Mode> mode; };
//   template <class F> void fields(SampleOptions& o, F field) {
//       field.group("Sampling");
//       field("temperature", o.temperature, "0 picks the most likely token", {.min = 0, .max = 100});
//       field("mode",        o.mode,        "how to compute",                {.unset = "what the model says"});
//   }
//   struct ServeOptions { SampleOptions sample, guard; };
//   template <class F> void fields(ServeOptions& o, F field) {
//       fields(o.sample, field);
//       field.prefix("guard.", o.guard);               // guard.temperature, guard.mode
//   }
//   void print(ServeOptions options) {
//       for (Field& f : list_fields(options)) fmt::print("{} = {}\n", f.name, to_text(f));
//   }
//
// The values of an enum are 0, 1, ... in the order of its names.
#pragma once
#include "core/error.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace puna {

class JsonNode;  // core/json_document.h

// An enum, or an optional one.
struct EnumPointer {
    void* value;
    std::vector<std::string_view> names;
    bool is_optional;
    std::optional<size_t> (*get)(const void* value);  // the index of its name; none: not set
    void (*set)(void* value, std::optional<size_t> index);
};

using FieldPointer = std::variant<bool*, int*, int64_t*, std::optional<int64_t>*, uint64_t*, float*, double*,
                                  std::optional<double>*, std::string*, std::vector<std::string>*, EnumPointer>;

// What a field accepts beyond its type, and how help shows it.
struct Values {
    std::string_view word = {};  // in help: FOLDER, TEXT; of an enum the names to accept: "bf16|f32"; empty: by type
    double min = -std::numeric_limits<double>::infinity(), max = std::numeric_limits<double>::infinity();
    bool above_min = false, below_max = false;  // exclude min, max itself
    std::string_view unset = {};  // what the default stands for, as "off" or "the physical cores it may use"
    bool required = false;        // the text must not be empty
};

struct Field {
    std::string name;  // snake_case; the flag is in kebab-case
    FieldPointer value;
    std::string_view help;
    Values values = {};
    std::string_view group = {};  // heading in help
};

template <class T>
FieldPointer pointer_to(T& value) {
    return &value;
}
template <class E>
requires std::is_enum_v<E> FieldPointer pointer_to(E& value) {
    return EnumPointer{&value, enum_names(E{}), false,
                       [](const void* e) { return std::optional(static_cast<size_t>(*static_cast<const E*>(e))); },
                       [](void* e, std::optional<size_t> index) { *static_cast<E*>(e) = static_cast<E>(*index); }};
}
template <class E>
requires std::is_enum_v<E> FieldPointer pointer_to(std::optional<E>& value) {
    using Optional = std::optional<E>;
    return EnumPointer{&value, enum_names(E{}), true,
                       [](const void* e) {
                           const Optional& set = *static_cast<const Optional*>(e);
                           return set ? std::optional(static_cast<size_t>(*set)) : std::nullopt;
                       },
                       [](void* e, std::optional<size_t> index) {
                           *static_cast<Optional*>(e) = index ? Optional(static_cast<E>(*index)) : std::nullopt;
                       }};
}

// The `field` of the lists above.
class FieldList {
 public:
    explicit FieldList(std::vector<Field>& list) : list_(list) {}

    void group(std::string_view heading) { group_ = heading; }  // of the fields that follow
    template <class T>
    void operator()(std::string_view name, T& value, std::string_view help, const Values& values = {}) {
        list_.push_back({prefix_ + std::string(name), pointer_to(value), help, values, group_});
    }
    // The fields of another struct; those names begin with `prefix`.
    template <class Options>
    void prefix(std::string_view prefix, Options& options) {
        FieldList nested = *this;
        nested.prefix_ += prefix;
        fields(options, nested);
    }

 private:
    std::vector<Field>& list_;
    std::string prefix_;
    std::string_view group_;
};

template <class Options>
std::vector<Field> list_fields(Options& options) {
    std::vector<Field> list;
    fields(options, FieldList(list));
    return list;
}

// Convert text to the value and back; the round trip of what is set is exact. A list from text has it as its one item,
// whatever it contains. Throw Error, with the field, for what it
// does not accept: "temperature must be a number, not 'hot'", "recipe.json: 'temperature' must be ...". kind: damaged
// for a file that nobody edits.
void set_from_text(Field& field, std::string_view text);
void set_from_json(Field& field, const JsonNode& json, ErrorKind kind = ErrorKind::usage);
std::string to_text(const Field& field);         // empty: an optional value that is not set
std::string_view type_name(const Field& field);  // with article: "a number", "a string", "true or false", ...
bool is_text(const Field& field);                // a string or an enum
std::string value_word(const Field& field);      // for help: "FOLDER", "N", "0..1", "f32|bf16"; empty for true or false

// Convert to {"temperature": 0.7, ...} and back; null is an optional value that is not set. from_json throws Error for
// unknown keys and values that the field does not accept; fields without a key are unchanged.
std::string to_json(const std::vector<Field>& fields);
void from_json(std::vector<Field>& fields, const JsonNode& object);

// Values are checked above, where they are set. Whether a required field was set at all is known later, and options may
// come from a program: throw Error for the first field that was not set, or that has a value that it does not accept.
void check_required(const std::vector<Field>& fields);
void check_values(const std::vector<Field>& fields);

// Between fields of one type.
void copy_value(Field& to, const Field& from);

// Throws Error that begins with `where` and suggests the closest name. what: what the user knows the fields as.
Field& find_field(std::vector<Field>& fields, std::string_view name, std::string_view where,
                  std::string_view what = "field");

// The only name in `known` that begins with `name`, else the nearest by edit distance; empty if none is close.
std::string_view closest(std::string_view name, const std::vector<std::string_view>& known);

// A remark on a field: "has no effect, ...".
struct FieldNote {
    std::string field, text;
};

// The name of an enum's value.
template <class E>
std::string_view enum_name(E value) {
    return enum_names(value)[static_cast<size_t>(value)];
}

}  // namespace puna
