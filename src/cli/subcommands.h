// cli/subcommands.h — commands by name, and commands with subcommands: puna tokenizer train, puna data pack.
#pragma once
#include "cli/command.h"

#include <span>
#include <string_view>

namespace puna {

// Runs the command that the first argument names with the others. A UsageError, also that of an unknown command, is
// passed on with the command's name. So is an Error about a field of the command's options, whoever throws it, as a
// UsageError with the field's flag: "--top-p must be ..."; not one about a field of a file. `parent` is the command
// that has these commands, empty for the program itself.
int run_command(std::span<const Command> commands, std::string_view parent, Arguments arguments);

// As run_command; without an argument, or with --help, lists the subcommands below the sentence `about`.
int run_subcommand(std::string_view parent, std::string_view about, std::span<const Command> subcommands,
                   Arguments arguments);

}  // namespace puna
