// cli/subcommands.h — commands with subcommands: puna tokenizer train, puna data pack.
#pragma once
#include "cli/command.h"

#include <span>
#include <string_view>

namespace puna {

// The command of this name. Throws UsageError with the closest name; `where` is the command that lists them all.
const Command& find_command(std::span<const Command> list, std::string_view name, std::string_view where);

// Runs the subcommand that the first argument names; without one, or with --help, lists them.
int run_subcommand(std::string_view command, std::span<const Command> subcommands, Arguments arguments);

}  // namespace puna
