// cli/subcommands.h — commands with verbs of their own: puna tokenizer train, puna data pack.
#pragma once
#include "cli/command.h"

#include <span>
#include <string_view>

namespace puna {

// The one of this name. Throws UsageError that names the closest; `where` says what lists them.
const Command& find_command(std::span<const Command> list, std::string_view name, std::string_view where);

// Runs the verb that comes first among the arguments; without one, or with --help, lists them.
int run_subcommand(std::string_view command, std::span<const Command> verbs, Arguments arguments);

}  // namespace puna
