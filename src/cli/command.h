// cli/command.h — the commands of the program: one file and one row in table.cpp for each.
//
// A command parses its flags, calls once and prints. Results go to standard output, progress and log to standard error.
// It returns the exit code: 0 done, 1 failed; wrong usage is thrown (cli/flags.h) and becomes 2.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace puna {

using Arguments = std::span<const std::string>;

struct Command {
    std::string_view name, about;
    int (*run)(Arguments arguments);
};

std::span<const Command> commands();

int run_bench(Arguments);
int run_chat(Arguments);
int run_check(Arguments);
int run_data(Arguments);
int run_eval(Arguments);
int run_generate(Arguments);
int run_logits(Arguments);
int run_tokenizer(Arguments);
int run_train(Arguments);

// The whole program: finds the command, runs it, and turns what it throws into one line and an exit code.
int run_program(Arguments arguments);

}  // namespace puna
