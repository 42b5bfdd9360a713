#include "cli/subcommands.h"

#include "cli/flags.h"
#include "core/fields.h"

#include <fmt/core.h>

#include <vector>

namespace puna {

const Command& find_command(std::span<const Command> list, std::string_view name, std::string_view where) {
    std::vector<std::string_view> names;
    for (const Command& command : list) {
        if (command.name == name) return command;
        names.push_back(command.name);
    }
    std::string_view guess = closest(name, names);
    throw UsageError(fmt::format("unknown command '{}'.{} Run '{}' for a list", name,
                                 guess.empty() ? "" : fmt::format(" Did you mean '{}'?", guess), where));
}

int run_subcommand(std::string_view command, std::span<const Command> subcommands, Arguments arguments) {
    bool help = !arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h");
    if (arguments.empty() || help) {
        for (const Command& sub : subcommands) fmt::print("  puna {} {:<10}{}\n", command, sub.name, sub.about);
        fmt::print("\nRun 'puna help {} SUBCOMMAND' for details.\n", command);
        return help ? 0 : 2;
    }
    return find_command(subcommands, arguments[0], fmt::format("puna help {}", command)).run(arguments.subspan(1));
}

}  // namespace puna
