// cli/subcommands.h — commands by name, and commands with subcommands: puna tokenizer train, puna data pack.
#pragma once
#include "cli/command.h"

#include <span>
#include <string_view>

namespace puna {

// Runs the command that the first argument names with the others; of one that has subcommands, the subcommand that the
// second names, and without one, or with --help, prints their list. A UsageError, also that of an unknown command, is
// passed on with the command's name. So is an Error about a field of the command's options, whoever throws it, as a
// UsageError with the field's flag: "--top-p must be ..."; not one about a field of a file. `parent` is the command
// that has these commands, empty for the program itself.
int run_command(std::span<const Command> commands, std::string_view parent, Arguments arguments);

}  // namespace puna
