// cli/flags.h — a command's flags, declared by the same field lists as its options (core/fields.h).
//
//   std::string model;
//   GenerateOptions options;
//   Flags flags("generate", "Continue a text.", "puna generate models/starter");
//   flags.positional("MODEL", model, model_help);
//   flags.add(list_fields(options));
//   flags.add_threads();
//   if (!flags.parse(arguments)) return;              // --help was printed
//   flags.check_required();
//
// --flag VALUE and --flag=VALUE are the same, as are -n 5 and -n5 where a flag has a letter (cli/help.cpp), and letters
// of switches can be joined; a flag given twice takes the last value, a list collects all of them.
// After -- everything is positional. An Error about a field that leaves a command is shown with the field's flag by
// run_command (cli/subcommands.h).
#pragma once
#include "cli/command.h"
#include "cli/help.h"
#include "core/error.h"
#include "core/fields.h"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace puna {

// What a positional MODEL is.
inline constexpr std::string_view model_help =
    "folder in Hugging Face's or Meta's format, GGUF file, or name of a model";

struct UsageError : Error {
    explicit UsageError(const std::string& message) : Error(message, ErrorKind::usage) {}
    std::string command;  // as "data pack"; set by run_command (cli/subcommands.h)
};

// "unknown option --temprature. Did you mean --temperature?"; without a close one, `hint` says where to find them.
// known: without dashes, as "temperature".
std::string unknown_option(std::string_view option, const std::vector<std::string_view>& known, std::string_view hint);

// A value of an argument, and what it is.
struct Choice {
    std::string_view name, text;
};

class Flags {
 public:
    // about: sentences in the imperative; examples: one command a line.
    Flags(std::string_view command, std::string_view about, std::string_view examples);
    Flags(const Flags&) = delete;

    void positional(std::string_view name, std::string& value, std::string_view help, bool required = true);
    void positional(std::string_view name, std::string& value, const std::vector<std::string_view>& choices);
    void positional(std::string_view name, std::string& value, std::string_view help,
                    const std::vector<Choice>& choices);
    void positional(std::string_view name, std::vector<std::string>& values, std::string_view help);  // one or more
    void add(const std::vector<Field>& fields);
    void add_json(std::string_view help);  // --json, and what it prints
    void add_threads();                    // --threads, of a command that computes: parse() sets it

    // Sets fields and positionals. Prints the help and returns false for --help or -h. Throws UsageError, and Error for
    // a value that its field does not accept.
    bool parse(Arguments arguments);
    bool given(std::string_view name) const;  // whether the field's flag is among the arguments
    bool json() const { return json_; }
    int threads() const { return threads_; }  // as requested; 0: not

    void check_required() const;  // that every required field was set, by a flag or otherwise

    // Logs warnings: "--top-p: has no effect, ..."; of a field that a file has set and no flag, "top_p: ...".
    void print(const std::vector<FieldNote>& notes, const std::vector<std::string>& in_file = {}) const;

    HelpPage help() const;

 private:
    struct Positional {
        std::string name, help;
        std::variant<std::string*, std::vector<std::string>*> value;
        bool required;
        std::vector<std::string_view> choices = {}, choice_texts = {};
    };

    void set_value(Field& field, std::string_view text);
    void set_positionals(const std::vector<std::string>& values);
    [[noreturn]] void fail_without_value(const Field& field, const std::vector<std::string>& rest) const;
    [[noreturn]] void fail_unknown(std::string_view argument) const;
    void check_choice(const Positional& positional) const;

    std::string command_;
    std::string_view about_, examples_;
    std::vector<Positional> positionals_;
    std::vector<Field> fields_;
    std::vector<std::string_view> given_;
    bool json_ = false;
    int threads_ = 0;
};

}  // namespace puna
