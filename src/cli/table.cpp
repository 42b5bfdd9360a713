#include "cli/command.h"
#include "cli/flags.h"
#include "cli/help.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"
#include "comm/group.h"
#include "core/console.h"
#include "core/error.h"
#include "core/mapped_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iterator>
#include <system_error>
#include <vector>

namespace puna {

namespace {

constexpr Command all[] = {
    {"chat", "chat with a model in the terminal", run_chat},
    {"generate", "continue a text", run_generate},
    {"show", "show a model's architecture, types and memory plan", run_show_model},
    {"convert", "convert a model between Hugging Face's, llama.cpp's and Meta's formats", run_convert},
    {"quantize", "write a model with fewer bits per weight, as a GGUF file", run_quantize},
    {"pull", "download a model from Hugging Face's hub", run_pull},
    {"prompt", "print the prompt that a conversation becomes", run_prompt},
    {"list", "list the models on this machine, other programs' too", run_list},
    {"publish", "upload a model to Hugging Face's hub", run_publish},
    {"rm", "remove a downloaded model", run_rm},
    {"eval", "measure perplexity and bits per byte of a text", nullptr, eval_commands},
    {"data", "pack text and conversations for training; show packed data", nullptr, data_commands},
    {"tokenizer", "train a tokenizer; encode and decode text", nullptr, tokenizer_commands},
    {"train", "train or fine-tune a model", run_train},
    {"report", "show a training run, or compare several, on a page", run_report},
    {"check", "check that this build computes the reference results", run_check},
    {"bench", "measure speed as a share of this machine's peak", run_bench},
    {"logits", "compute a model's logits for token ids", run_logits},
    {"completion", "print a completion script for a shell", run_completion},
    {"man", "print the manual page", run_man},
    {"version", "print the version, the compiler and the kernels", run_version},
};

// puna help train; puna help data pack
int run_help(Arguments names) {
    auto command = std::find_if(std::begin(all), std::end(all), [&](const Command& c) { return c.name == names[0]; });
    size_t most = command != std::end(all) && command->subcommands ? 2 : 1;
    if (names.size() > most)
        throw UsageError(fmt::format("help: unexpected argument '{}' after '{}'", printable(names[most]),
                                     printable(names[most - 1])));
    std::vector<std::string> arguments(names.begin(), names.end());
    arguments.emplace_back("--help");  // puna data pack --help
    return run_command(all, "", arguments);
}

int run(Arguments arguments) {
    std::string_view first = arguments.empty() ? std::string_view() : std::string_view(arguments[0]);
    if (first == "--version" || first == "-V" || first == "-v") {
        std::vector<std::string> command(arguments.begin(), arguments.end());
        command[0] = "version";
        return run_command(all, "", command);
    }
    bool wants_help = first == "help" || first == "--help" || first == "-h";
    bool overview = wants_help && (arguments.size() == 1 || arguments[1].starts_with('-') || arguments[1] == "help");
    if (arguments.empty() || overview) {
        show(list_page(all, "", program_about));
        return wants_help ? 0 : 2;
    }
    return wants_help ? run_help(arguments.subspan(1)) : run_command(all, "", arguments);
}

// Results that could not be written to standard output, as on a full disk, are a failure.
int flushed(int code) {
    if (std::fflush(stdout) != 0) {
        if (errno == EPIPE) fail(ErrorKind::closed, "standard output: closed");
        fail_errno(errno, "standard output: cannot write");
    }
    if (std::ferror(stdout)) fail("standard output: cannot write");
    return code;
}

int report(int code, std::string_view where, const char* message) {
    Group::rank0_reports_first();
    print_status("puna{}: {}\n", where, printable(message, std::string::npos));  // a file name may contain a newline
    Group::abort_all(code);
    return code;
}

}  // namespace

std::span<const Command> commands() { return all; }

int run_program(Arguments arguments) {
    try {
        int code = flushed(run(arguments));
        if (std::string path = changed_mapping(); !path.empty()) fail("{}: {}", path, changed_in_use);
        return code;
    } catch (const UsageError& problem) {
        return report(2, problem.command.empty() ? "" : " " + problem.command, problem.what());
    } catch (const Error& problem) {
        if (problem.kind == ErrorKind::closed) return 0;  // as in `puna generate ... | head -3`: the reader has enough
        return report(1, "", problem.what());
    } catch (const std::system_error& problem) {
        if (!std::ferror(stdout)) return report(1, "", problem.what());
        if (problem.code().value() == EPIPE) return 0;
        return report(1, ": standard output", problem.what());
    } catch (const std::bad_alloc&) {
        return report(1, "", "out of memory");
    } catch (const std::exception& problem) {
        return report(1, ": internal error (bug)", problem.what());
    }
}

}  // namespace puna
