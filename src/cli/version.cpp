#include "cli/version.h"

#include "cli/command.h"
#include "cli/flags.h"
#include "core/json_text.h"
#include "kernels/kernels.h"

#include <fmt/core.h>

namespace puna {

namespace {

#if defined(__clang__)
constexpr std::string_view compiler = "Clang " __clang_version__;
#else
constexpr std::string_view compiler = "GCC " __VERSION__;
#endif

}  // namespace

std::string version_name() { return fmt::format("{} ({})", PUNA_VERSION, commit); }

int run_version(Arguments arguments) {
    Flags flags(
        "version",
        "Print the version and commit of this program, the compiler and type of its build, and the kernels that "
        "it uses on this machine. puna --version, -V and -v are the same.",
        "puna version\npuna version --json");
    flags.add_json("print JSON for scripts");
    if (!flags.parse(arguments)) return 0;
    std::string kernels = full_name(choose_kernels());
    if (flags.json())
        fmt::print("{}\n", JsonObject{{"version", PUNA_VERSION},
                                      {"commit", commit},
                                      {"compiler", compiler},
                                      {"build", PUNA_BUILD},
                                      {"kernels", kernels}}
                               .text());
    else
        fmt::print("puna {}\nbuilt with {}, {}\nkernels: {}\n", version_name(), compiler, PUNA_BUILD, kernels);
    return 0;
}

}  // namespace puna
