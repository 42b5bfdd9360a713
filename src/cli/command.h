// cli/command.h — the program's commands: each is one file and one row in table.cpp.
//
// A command parses its flags, makes one call and prints. Results go to standard output, progress and log to standard
// error. Returns the exit code: 0 success, 1 failure; wrong usage is thrown as UsageError (cli/flags.h) and becomes 2.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace puna {

using Arguments = std::span<const std::string>;

// Has either a function or subcommands, as `puna data pack`.
struct Command {
    std::string_view name, about;
    int (*run)(Arguments arguments) = nullptr;
    std::span<const Command> (*subcommands)() = nullptr;
};

std::span<const Command> commands();
std::span<const Command> data_commands();
std::span<const Command> eval_commands();
std::span<const Command> tokenizer_commands();

int run_bench(Arguments);
int run_chat(Arguments);
int run_check(Arguments);
int run_completion(Arguments);
int run_convert(Arguments);
int run_quantize(Arguments);
int run_generate(Arguments);
int run_list(Arguments);
int run_logits(Arguments);
int run_man(Arguments);
int run_publish(Arguments);
int run_pull(Arguments);
int run_prompt(Arguments);
int run_report(Arguments);
int run_rm(Arguments);
int run_show_model(Arguments);
int run_train(Arguments);
int run_version(Arguments);

// Entry point: finds and runs the command, and turns exceptions into one line on standard error and an exit code.
int run_program(Arguments arguments);

}  // namespace puna
