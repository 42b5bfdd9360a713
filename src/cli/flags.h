// cli/flags.h — a command's flags, declared by the same field lists as its options (core/fields.h).
//
//   std::string model;
//   GenerateOptions options;
//   Flags flags("generate", "Continue a text.", "puna generate models/starter");
//   flags.positional("MODEL", model, "a Hugging Face folder");
//   flags.add(list_fields(options));
//   if (!flags.parse(arguments)) return;              // --help was printed
//
// parse throws UsageError for invalid arguments.
#pragma once
#include "cli/command.h"
#include "core/error.h"
#include "core/fields.h"

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace puna {

struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Turns an Error of `validate` into a UsageError that names the flag: "top_p: ..." becomes "--top-p: ...". Called
// before any file is read.
void check_usage(const std::function<void()>& validate);

void use_threads(int n);  // --threads of every command; throws UsageError if out of range

class Flags {
 public:
    Flags(std::string_view command, std::string_view about, std::string_view example);

    void positional(std::string_view name, std::string& value, std::string_view help, bool required = true);
    void positional(std::string_view name, std::vector<std::string>& values, std::string_view help);  // one or more
    void add(std::vector<Field> fields);

    // A flag without a field: calls `take` with its value.
    void choice(std::string_view name, std::string_view help, std::function<void(const std::string&)> take);

    bool parse(Arguments arguments);
    bool given(std::string_view name) const;  // whether the field's flag is among the arguments

    // Logs warnings about fields ("top_p: has no effect, ..."); a field set by its flag is shown as the flag
    // ("--top-p").
    void print(const std::vector<std::string>& notes) const;

 private:
    struct Positional {
        std::string_view name, help;
        std::variant<std::string*, std::vector<std::string>*> value;
        bool required;
    };
    struct Choice {
        std::string_view name, help;
        std::function<void(const std::string&)> take;
    };

    std::string command_;
    std::string_view about_, example_;
    std::vector<Positional> positionals_;
    std::vector<Field> fields_;
    std::vector<Choice> choices_;
    std::vector<std::string> given_;
};

}  // namespace puna
