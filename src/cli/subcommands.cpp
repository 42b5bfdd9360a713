#include "cli/subcommands.h"

#include "cli/flags.h"
#include "cli/help.h"
#include "core/fields.h"

#include <fmt/core.h>

#include <vector>

namespace puna {

namespace {

[[noreturn]] void fail_unknown(std::span<const Command> commands, std::string_view parent, std::string_view name) {
    std::string help = parent.empty() ? "puna help" : fmt::format("puna help {}", parent);
    if (name.starts_with('-'))
        throw UsageError(unknown_option(name, {"help", "version"}, fmt::format("'{}' lists the commands", help)));
    std::vector<std::string_view> names;
    for (const Command& command : commands) names.push_back(command.name);
    std::string_view guess = closest(name, names);
    throw UsageError(fmt::format("unknown command '{}'.{} Run '{}' for a list", printable(name),
                                 guess.empty() ? "" : fmt::format(" Did you mean '{}'?", guess), help));
}

[[noreturn]] void rethrow_for(std::string_view command, UsageError problem) {
    problem.command = std::string(command) + (problem.command.empty() ? "" : " " + problem.command);
    throw problem;
}

int run_subcommand(const Command& command, Arguments arguments) {
    bool help = !arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h");
    if (!arguments.empty() && !help) return run_command(command.subcommands(), command.name, arguments);
    show(list_page(command.subcommands(), command.name, command.about));
    return help ? 0 : 2;
}

bool is_about_a_flag(const Error& problem) { return !problem.field.empty() && problem.field_at == 0; }

}  // namespace

int run_command(std::span<const Command> commands, std::string_view parent, Arguments arguments) {
    for (const Command& command : commands) {
        if (command.name != arguments[0]) continue;
        try {
            Arguments rest = arguments.subspan(1);
            return command.run ? command.run(rest) : run_subcommand(command, rest);
        } catch (const UsageError& problem) {
            rethrow_for(command.name, problem);
        } catch (const Error& problem) {
            if (problem.kind == ErrorKind::exists && command.run)  // once, not again on the way out of `puna data`
                fail(problem.kind, "{}; choose another name, or pass --force to overwrite it", problem.what());
            if (!is_about_a_flag(problem)) throw;
            rethrow_for(command.name, UsageError(flag_name(problem.field) + std::string(problem.problem())));
        }
    }
    fail_unknown(commands, parent, arguments[0]);
}

}  // namespace puna
