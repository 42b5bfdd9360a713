#include "cli/flags.h"

#include "cli/help.h"
#include "cli/terminal.h"
#include "core/log.h"

#include <algorithm>

namespace puna {

namespace {

bool is_help(std::string_view argument) { return argument == "--help" || argument == "-h"; }

// A name after one or two dashes. Negative numbers, "-", "--" and texts like "- a list" are values.
bool is_flag(std::string_view argument) {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (!argument.starts_with('-')) return false;
    argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
    std::string_view name = argument.substr(0, argument.find('='));
    bool one_word = std::all_of(name.begin(), name.end(), [&](char c) {
        return letters.find(c) != letters.npos || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    return one_word && !name.empty() && letters.find(name[0]) != letters.npos;
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
    positionals_.push_back({name, help, &value, required});
}

void Flags::positional(std::string_view name, std::vector<std::string>& values, std::string_view help) {
    positionals_.push_back({name, help, &values, true});
}

void Flags::add(const std::vector<Field>& fields) { fields_.insert(fields_.end(), fields.begin(), fields.end()); }

bool Flags::given(std::string_view name) const { return std::find(given_.begin(), given_.end(), name) != given_.end(); }

void Flags::check(const std::function<void()>& validate) const {
    try {
        validate();
    } catch (const Error& problem) {
        std::string_view message = problem.what(), name = message.substr(0, message.find_first_of(": "));
        bool is_field = std::any_of(fields_.begin(), fields_.end(), [&](const Field& f) { return f.name == name; });
        if (!is_field) throw UsageError(problem.what());
        throw UsageError(flag_name(name) + std::string(message.substr(name.size())));
    }
}

void Flags::print(const std::vector<std::string>& notes) const {
    for (const std::string& note : notes) {
        std::string field = note.substr(0, note.find(':'));
        log_warning("{}{}", given(field) ? flag_name(field) : field, note.substr(field.size()));
    }
}

std::string Flags::help() const {
    HelpPage page{.about = about_, .usage = "puna " + command_, .examples = examples_, .fields = fields_};
    for (const Positional& p : positionals_) {
        std::string name(p.name);
        if (std::holds_alternative<std::vector<std::string>*>(p.value)) name += "...";
        page.usage += p.required ? " " + name : " [" + name + "]";
        page.arguments.push_back({name, std::string(p.help)});
    }
    page.usage += " [OPTIONS]";
    return to_text(page);
}

bool Flags::parse(Arguments arguments) {
    auto end = std::find(arguments.begin(), arguments.end(), "--");
    if (std::any_of(arguments.begin(), end, is_help)) {
        print_now(help());
        return false;
    }
    std::vector<std::string> values;
    bool flags_ended = false;
    for (size_t i = 0; i < arguments.size(); ++i) {
        if (flags_ended || !(arguments[i] == "--" || is_flag(arguments[i])))
            values.push_back(arguments[i]);
        else if (arguments[i] == "--")
            flags_ended = true;
        else
            i += set_flag(arguments[i], arguments.subspan(i + 1));
    }
    set_positionals(values);
    return true;
}

Field* Flags::find(std::string_view flag) {
    auto at = std::find_if(fields_.begin(), fields_.end(), [&](const Field& f) { return flag_name(f.name) == flag; });
    return at == fields_.end() ? nullptr : &*at;
}

// Returns how many of the arguments in `rest` belong to the flag.
size_t Flags::set_flag(std::string_view argument, Arguments rest) {
    size_t equals = argument.find('=');
    std::string_view flag = argument.substr(0, equals);
    Field* field = find(flag);
    bool negated = !field && flag.starts_with("--no-");
    if (negated) field = find("--" + std::string(flag.substr(5)));
    bool is_switch = field && std::holds_alternative<bool*>(field->value);
    if (!field || (negated && !is_switch)) fail_unknown(flag);
    if (negated && equals != argument.npos) throw UsageError(fmt::format("{} takes no value", flag));
    if (equals != argument.npos) {
        set_value(*field, argument.substr(equals + 1));
    } else if (is_switch) {
        set_value(*field, negated ? "false" : "true");
    } else if (rest.empty()) {
        throw UsageError(fmt::format("{0} needs a value: {0} {1}", flag, value_word(*field)));
    } else if (is_flag(rest[0])) {
        std::string remedy = find(rest[0]) ? "" : fmt::format(", or {}={}", flag, printable(rest[0]));
        throw UsageError(fmt::format("{0} needs a value before {1}: {0} {2}{3}", flag, printable(rest[0]),
                                     value_word(*field), remedy));
    } else {
        set_value(*field, rest[0]);
        return 1;
    }
    return 0;
}

void Flags::set_value(Field& field, std::string_view text) {
    auto* list = std::get_if<std::vector<std::string>*>(&field.value);
    std::vector<std::string> earlier;
    if (list && given(field.name)) earlier = **list;
    check([&] { set_from_text(field, text); });
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
        }
    }
    if (used < values.size())
        throw UsageError(fmt::format(
            "unexpected argument '{}'{} (see 'puna help {}')", printable(values[used]),
            used > 0 ? fmt::format(" after '{}'; quote a text with spaces", printable(values[used - 1])) : "",
            command_));
}

void Flags::fail_unknown(std::string_view flag) const {
    std::vector<std::string> names{"help"};
    for (const Field& field : fields_) names.push_back(flag_name(field.name).substr(2));
    throw UsageError(
        unknown_option(flag, {names.begin(), names.end()}, fmt::format("'puna help {}' lists the options", command_)));
}

}  // namespace puna
