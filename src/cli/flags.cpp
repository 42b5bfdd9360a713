#include "cli/flags.h"

#include "core/log.h"
#include "core/threads.h"

#include <algorithm>
#include <cstdio>

#include <CLI/CLI.hpp>

namespace puna {

namespace {

std::string flag_name(std::string_view field) {
    std::string name = "--" + std::string(field);
    std::replace(name.begin(), name.end(), '_', '-');
    return name;
}

// The field's "top_p: must be ..." becomes the flag's "--top-p: must be ...".
[[noreturn]] void fail_as_usage(std::string_view problem) {
    size_t name = problem.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_");
    if (name == 0 || name == problem.npos || problem[name] != ':') throw UsageError(std::string(problem));
    throw UsageError(flag_name(problem.substr(0, name)) + std::string(problem.substr(name)));
}

}  // namespace

void check_usage(const std::function<void()>& validate) {
    try {
        validate();
    } catch (const Error& problem) {
        fail_as_usage(problem.what());
    }
}

void use_threads(int n) {
    if (n < 0 || n > max_threads)
        throw UsageError(fmt::format("--threads: {} is not from 0 to {}; 0 uses all processors", n, max_threads));
    set_threads(n);
}

Flags::Flags(std::string_view command, std::string_view about, std::string_view example)
    : command_(command), about_(about), example_(example) {}

void Flags::positional(std::string_view name, std::string& value, std::string_view help, bool required) {
    positionals_.push_back({name, help, &value, required});
}

void Flags::positional(std::string_view name, std::vector<std::string>& values, std::string_view help) {
    positionals_.push_back({name, help, &values, true});
}

void Flags::add(std::vector<Field> fields) { fields_.insert(fields_.end(), fields.begin(), fields.end()); }

void Flags::choice(std::string_view name, std::string_view help, std::function<void(const std::string&)> take) {
    choices_.push_back({name, help, std::move(take)});
}

bool Flags::given(std::string_view name) const { return std::find(given_.begin(), given_.end(), name) != given_.end(); }

void Flags::print(const std::vector<std::string>& notes) const {
    for (const std::string& note : notes) {
        std::string field = note.substr(0, note.find(':'));
        log_warning("{}{}", given(field) ? flag_name(field) : field, note.substr(field.size()));
    }
}

bool Flags::parse(Arguments arguments) {
    CLI::App app(std::string(about_), "puna " + command_);
    app.footer("\nExample:\n  " + std::string(example_));
    app.get_formatter()->column_width(38);
    for (const Positional& p : positionals_) {
        auto add = [&](auto* value) { return app.add_option(std::string(p.name), *value, std::string(p.help)); };
        std::visit(add, p.value)->required(p.required)->type_name("");
    }
    for (Field& field : fields_) {
        auto mark_given = [this, &field] { given_.emplace_back(field.name); };
        if (bool** flag = std::get_if<bool*>(&field.value)) {
            std::string name = flag_name(field.name);
            std::string names = name + (**flag ? ",!--no-" + name.substr(2) : "");
            app.add_flag_function(
                names,
                [mark_given, flag](int64_t count) {
                    mark_given();
                    **flag = count > 0;
                },
                std::string(field.help));
            continue;
        }
        auto take = [mark_given, &field](const std::string& text) {
            mark_given();
            check_usage([&] { set_from_text(field, text); });
        };
        std::string value = to_text(field);
        app.add_option_function<std::string>(flag_name(field.name), take, std::string(field.help))
            ->type_name(std::string(type_name(field)) + (value.empty() ? "" : " [" + value + "]"));
    }
    for (Choice& c : choices_)
        app.add_option_function<std::string>(flag_name(c.name), c.take, std::string(c.help))->type_name("");
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    for (std::string& argument : reversed)  // a flag that is off by default may be on in the recipe
        for (const Field& field : fields_)
            if (std::holds_alternative<bool*>(field.value) && argument == "--no-" + flag_name(field.name).substr(2))
                argument = flag_name(field.name) + "=false";
    try {
        app.parse(std::move(reversed));
    } catch (const CLI::CallForHelp&) {
        std::fputs(app.help().c_str(), stdout);
        return false;
    } catch (const CLI::ParseError& problem) {
        throw UsageError(problem.what());
    } catch (const Error& problem) {
        throw UsageError(fmt::format("--{}", problem.what()));
    }
    return true;
}

}  // namespace puna
