#include "cli/command.h"
#include "cli/flags.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"
#include "comm/group.h"
#include "core/console.h"
#include "core/error.h"

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <vector>

namespace puna {

namespace {

constexpr Command all[] = {
    {"chat", "talk with a model in the terminal", run_chat},
    {"generate", "go on with a text", run_generate},
    {"eval", "perplexity and bits per byte of a text", run_eval},
    {"data", "pack text and conversations for training, and look at what was packed", run_data},
    {"tokenizer", "learn a vocabulary; text to token ids and back", run_tokenizer},
    {"train", "train a model, or go on with one", run_train},
    {"check", "is this machine, and this build, computing what it should", run_check},
    {"bench", "how fast, as a share of what this machine can do", run_bench},
    {"logits", "what the model says of given ids", run_logits},
};

void print_overview() {
    fmt::print("puna: the whole life of a Llama 3 model, in one program.\n\n");
    for (const Command& command : all) fmt::print("  puna {:<12}{}\n", command.name, command.about);
    fmt::print("\npuna help COMMAND says more. Exit codes: 0 done, 1 failed, 2 wrong usage.\n");
}

int run(Arguments arguments) {
    std::string_view first = arguments.empty() ? std::string_view() : std::string_view(arguments[0]);
    if (first == "--version") {
        fmt::print("puna {}\n", PUNA_VERSION);
        return 0;
    }
    bool asks = first == "help" || first == "--help" || first == "-h";
    if (arguments.empty() || (asks && arguments.size() == 1)) {
        print_overview();
        return asks ? 0 : 2;
    }
    if (!asks) return find_command(all, first, "puna help").run(arguments.subspan(1));
    std::vector<std::string> rest(arguments.begin() + 2,
                                  arguments.end());  // puna help data pack: puna data pack --help
    rest.emplace_back("--help");
    return find_command(all, arguments[1], "puna help").run(rest);
}

// Results that did not reach standard output, as on a full disk, are a failure too.
int flushed(int code) {
    if (std::fflush(stdout) != 0) {
        if (errno == EPIPE) throw ClosedPipe{};
        fail("standard output: cannot write: {}", system_reason(errno));
    }
    if (std::ferror(stdout)) fail("standard output: cannot write");
    return code;
}

int report(int code, std::string_view kind, const char* message) {
    Group::rank0_reports_first();
    print_status("puna: {}{}\n", kind, printable(message, std::string::npos));  // a name may hold a line end
    Group::abort_all(code);
    return code;
}

}  // namespace

std::span<const Command> commands() { return all; }

int run_program(Arguments arguments) {
    try {
        return flushed(run(arguments));
    } catch (const ClosedPipe&) {
        return 0;  // as `puna generate ... | head -3` ends: who wanted to read has read
    } catch (const UsageError& problem) {
        return report(2, "", problem.what());
    } catch (const Error& problem) {
        return report(1, "", problem.what());
    } catch (const std::system_error& problem) {
        if (!std::ferror(stdout)) return report(1, "", problem.what());
        if (problem.code().value() == EPIPE) return 0;
        return report(1, "standard output: ", problem.what());
    } catch (const std::bad_alloc&) {
        return report(1, "", "out of memory");
    } catch (const std::exception& problem) {
        return report(1, "a mistake of this program, please report it: ", problem.what());
    }
}

}  // namespace puna
