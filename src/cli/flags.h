// cli/flags.h — a command's flags, declared by the same field lists as its options (core/fields.h).
//
//   std::string model;
//   GenerateOptions options;
//   Flags flags("generate", "Continue a text.", "puna generate models/starter");
//   flags.positional("MODEL", model, "model folder in Hugging Face format");
//   flags.add(list_fields(options));
//   if (!flags.parse(arguments)) return;              // --help was printed
//   flags.check([&] { validate(options); });
//
// --flag VALUE and --flag=VALUE are the same; a flag given twice takes the last value, a list collects all of them.
// After -- everything is positional.
#pragma once
#include "cli/command.h"
#include "core/error.h"
#include "core/fields.h"
#include "core/threads.h"

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace puna {

struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
    std::string command;  // as "data pack"; set by run_command (cli/subcommands.h)
};

// "unknown option --temprature. Did you mean --temperature?"; without a close one, `hint` says where to find them.
// known: without dashes, as "temperature".
std::string unknown_option(std::string_view option, const std::vector<std::string_view>& known, std::string_view hint);

// --threads of the commands that compute.
struct ThreadOptions {
    int threads = 0;
};
template <class F>
void fields(ThreadOptions& o, F field) {
    field("threads", o.threads, "number of threads",
          {.min = 0, .max = max_threads, .unset = "the physical cores it may use"});
}

class Flags {
 public:
    // about: sentences in the imperative; examples: one command a line.
    Flags(std::string_view command, std::string_view about, std::string_view examples);

    void positional(std::string_view name, std::string& value, std::string_view help, bool required = true);
    void positional(std::string_view name, std::vector<std::string>& values, std::string_view help);  // one or more
    void add(const std::vector<Field>& fields);

    // Sets fields and positionals. Prints the help and returns false for --help or -h. Throws UsageError.
    bool parse(Arguments arguments);
    bool given(std::string_view name) const;  // whether the field's flag is among the arguments

    // Calls `validate` and turns its Error into a UsageError in which a field is shown as its flag: "top_p must be ..."
    // becomes "--top-p must be ...". Called before any file is read.
    void check(const std::function<void()>& validate) const;

    // Logs warnings about fields ("top_p: has no effect, ..."); a field set by its flag is shown as the flag
    // ("--top-p").
    void print(const std::vector<std::string>& notes) const;

    std::string help() const;

 private:
    struct Positional {
        std::string_view name, help;
        std::variant<std::string*, std::vector<std::string>*> value;
        bool required;
    };

    void set_value(Field& field, std::string_view text);
    void set_positionals(const std::vector<std::string>& values);
    [[noreturn]] void fail_without_value(const Field& field, const std::vector<std::string>& rest) const;
    [[noreturn]] void fail_unknown(std::string_view argument) const;

    std::string command_;
    std::string_view about_, examples_;
    std::vector<Positional> positionals_;
    std::vector<Field> fields_;
    std::vector<std::string_view> given_;
};

}  // namespace puna
