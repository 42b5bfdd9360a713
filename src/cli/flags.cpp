#include "cli/flags.h"

#include "core/ascii.h"
#include "core/log.h"
#include "core/threads.h"

#include <algorithm>
#include <iterator>

#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

namespace puna {

namespace {

bool is_help(std::string_view argument) { return argument == "--help" || argument == "-h"; }

// What CLI11 passes to the callback of a flag without a value. No argument of a program contains a NUL.
const std::string no_value("\0-", 2);

// set: called for each occurrence, in the order of the arguments, with nullptr if there is no value.
void add_option(CLI::App& app, const std::string& flag, int max_values, std::function<void(const char*)> set) {
    CLI::callback_t callback = [set = std::move(set)](const std::vector<std::string>& values) {
        set(values[0] == no_value ? nullptr : values[0].c_str());
        return true;
    };
    app.add_option(flag, callback)->expected(0, max_values)->default_str(no_value)->trigger_on_parse();
}

}  // namespace

std::string unknown_option(std::string_view option, const std::vector<std::string_view>& known, std::string_view hint) {
    std::string_view name = option.substr(std::min(option.find_first_not_of('-'), option.size()));
    std::string_view guess = closest(name, known);
    return fmt::format("unknown option {}{}", printable(option),
                       guess.empty() ? fmt::format("; {}", hint) : fmt::format(". Did you mean --{}?", guess));
}

Flags::Flags(std::string_view command, std::string_view about, std::string_view examples)
    : command_(command), about_(about), examples_(examples) {}

void Flags::positional(std::string_view name, std::string& value, std::string_view help, bool required) {
    positionals_.push_back({std::string(name), std::string(help), &value, required});
}

void Flags::positional(std::string_view name, std::string& value, const std::vector<std::string_view>& choices) {
    positionals_.push_back(
        {std::string(name), fmt::format("one of: {}", fmt::join(choices, ", ")), &value, true, choices});
}

void Flags::positional(std::string_view name, std::string& value, std::string_view help,
                       const std::vector<Choice>& choices) {
    Positional positional{std::string(name), std::string(help), &value, true};
    for (const Choice& choice : choices) {
        positional.choices.push_back(choice.name);
        positional.choice_texts.push_back(choice.text);
    }
    positionals_.push_back(std::move(positional));
}

void Flags::positional(std::string_view name, std::vector<std::string>& values, std::string_view help) {
    positionals_.push_back({std::string(name), std::string(help), &values, true});
}

void Flags::add(const std::vector<Field>& fields) { fields_.insert(fields_.end(), fields.begin(), fields.end()); }

void Flags::add_json(std::string_view help) { add({{"json", &json_, help}}); }

void Flags::add_threads() {
    add({{"threads",
          &threads_,
          "number of threads",
          {.min = 0, .max = max_threads, .unset = "the physical cores it may use"}}});
}

bool Flags::given(std::string_view name) const { return std::find(given_.begin(), given_.end(), name) != given_.end(); }

void Flags::check_required() const { puna::check_required(fields_); }

void Flags::print(const std::vector<FieldNote>& notes, const std::vector<std::string>& in_file) const {
    auto name = [&](const std::string& field) {
        bool is_flag = std::any_of(fields_.begin(), fields_.end(), [&](const Field& f) { return f.name == field; });
        bool is_other = !given(field) && std::find(in_file.begin(), in_file.end(), field) != in_file.end();
        return is_flag && !is_other ? flag_name(field) : field;
    };
    for (const FieldNote& note : notes) log_warning("{}: {}", name(note.field), note.text);
}

HelpPage Flags::help() const {
    HelpPage page{.command = command_, .about = std::string(about_), .examples = examples_};
    for (const Positional& p : positionals_)
        page.arguments.push_back({p.name, p.help, p.choices, p.required,
                                  std::holds_alternative<std::vector<std::string>*>(p.value), p.choice_texts});
    for (const Field& field : fields_) page.options.push_back(help_option(field));
    return page;
}

bool Flags::parse(Arguments arguments) {
    auto end = std::find(arguments.begin(), arguments.end(), "--");
    if (std::any_of(arguments.begin(), end, is_help)) {
        show(help());
        return false;
    }
    std::vector<std::string> rest(std::make_reverse_iterator(end), arguments.rend());  // CLI11 removes what it reads
    // A final NUL hides what CLI11 has a meaning of its own for: "--flag=" without a value, lists "[x,y]".
    for (std::string& argument : rest)
        if (argument.ends_with('=') || argument.ends_with(']')) argument += '\0';
    CLI::App app;
    app.allow_extras()->set_help_flag();
    for (Field& field : fields_) {
        std::string flag = flag_name(field.name), negated = "--no-" + flag.substr(2), letter = short_flag(field.name);
        bool is_switch = std::holds_alternative<bool*>(field.value);
        add_option(app, letter.empty() ? flag : letter + "," + flag, is_switch ? 0 : 1,
                   [&, is_switch](const char* text) {
                       if (!text && !is_switch) fail_without_value(field, rest);
                       set_value(field, text ? text : "true");
                   });
        if (!is_switch) continue;
        add_option(app, negated, 0, [&, negated](const char* text) {
            if (text) throw UsageError(fmt::format("{} takes no value", negated));
            set_value(field, "false");
        });
    }
    CLI::Option* positionals = app.add_option("ARGUMENT")->allow_extra_args();
    positionals->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    try {
        app.parse(rest);
    } catch (const CLI::ParseError&) {
        throw UsageError(fmt::format("the arguments cannot be read (see 'puna help {}')", command_));
    }
    if (!app.remaining().empty()) fail_unknown(app.remaining()[0].c_str());
    std::vector<std::string> values;
    for (const std::string& text : positionals->results()) values.emplace_back(text.c_str());
    if (end != arguments.end()) values.insert(values.end(), end + 1, arguments.end());
    set_positionals(values);
    set_threads(threads_);
    return true;
}

// rest: the arguments after the flag, in reverse.
void Flags::fail_without_value(const Field& field, const std::vector<std::string>& rest) const {
    std::string flag = flag_name(field.name), word = value_word(field);
    if (rest.empty()) throw UsageError(fmt::format("{0} needs a value: {0} {1}", flag, word));
    std::string next = printable(rest.back().c_str());
    bool is_known = std::any_of(fields_.begin(), fields_.end(), [&](const Field& f) {
        return flag_name(f.name) == next || short_flag(f.name) == next;
    });
    throw UsageError(fmt::format("{0} needs a value before {1}: {0} {2}{3}", flag, next, word,
                                 is_known ? "" : fmt::format(", or {}={}", flag, next)));
}

void Flags::set_value(Field& field, std::string_view text) {
    auto* list = std::get_if<std::vector<std::string>*>(&field.value);
    std::vector<std::string> earlier = list && given(field.name) ? **list : std::vector<std::string>();
    set_from_text(field, text);
    if (list) (*list)->insert((*list)->begin(), earlier.begin(), earlier.end());
    given_.push_back(field.name);
}

void Flags::set_positionals(const std::vector<std::string>& values) {
    size_t used = 0;
    for (const Positional& p : positionals_) {
        if (used == values.size() && p.required)
            throw UsageError(fmt::format("{} is missing: {} (see 'puna help {}')", p.name, p.help, command_));
        if (used == values.size()) break;
        if (auto* list = std::get_if<std::vector<std::string>*>(&p.value)) {
            (*list)->assign(values.begin() + static_cast<ptrdiff_t>(used), values.end());
            used = values.size();
        } else {
            *std::get<std::string*>(p.value) = values[used++];
            check_choice(p);
        }
    }
    if (used < values.size())
        throw UsageError(fmt::format(
            "unexpected argument '{}'{} (see 'puna help {}')", printable(values[used]),
            used > 0 ? fmt::format(" after '{}'; quote a text with spaces", printable(values[used - 1])) : "",
            command_));
}

// "unknown shell 'csh'; use one of: bash, zsh, fish". Q4_K_M is q4_k_m.
void Flags::check_choice(const Positional& positional) const {
    std::string& value = *std::get<std::string*>(positional.value);
    const std::vector<std::string_view>& choices = positional.choices;
    std::string given = ascii_lower(value);
    if (choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end()) return;
    if (std::find(choices.begin(), choices.end(), given) == choices.end())
        throw UsageError(fmt::format("unknown {} '{}'; use one of: {}", ascii_lower(positional.name), printable(value),
                                     fmt::join(choices, ", ")));
    value = given;
}

void Flags::fail_unknown(std::string_view argument) const {
    std::vector<std::string> names{"help"};
    for (const Field& field : fields_) names.push_back(flag_name(field.name).substr(2));
    throw UsageError(unknown_option(argument.substr(0, argument.find('=')), {names.begin(), names.end()},
                                    fmt::format("'puna help {}' lists the options", command_)));
}

}  // namespace puna
