#include "bench/golden.h"
#include "bench/signature.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "core/threads.h"

#include <fmt/core.h>

#include <cstdio>

#include <nlohmann/json.hpp>

namespace puna {

namespace {

struct CheckOptions {
    std::string golden;
    bool json = false;
    int threads = 0;
};
template <class F>
void fields(CheckOptions& o, F field) {
    field("golden", o.golden, "hold this golden folder's model against its numbers instead");
    field("json", o.json, "print JSON for scripts");
    field("threads", o.threads, "how many to use; 0: all processors");
}

int check_folder(const CheckOptions& options) {
    bool good = true;
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    if (!options.json) fmt::print("{:<8} {:<5} {:<18} {:>11} {:>9}\n", "kernels", "type", "what", "error", "bar");
    for (const GoldenRow& row : check_golden(options.golden)) {
        bool within = row.error <= row.bar;
        good = good && within;
        if (options.json) {
            list.push_back({{"kernels", row.kernels}, {"type", row.type}, {"what", row.what}, {"error", row.error}, {"bar", row.bar}});
        } else {
            fmt::print("{:<8} {:<5} {:<18} {:>11.3g} {:>9.3g}{}\n", row.kernels, row.type, row.what, row.error, row.bar, within ? "" : "  TOO LARGE");
        }
    }
    if (options.json) fmt::print("{}\n", nlohmann::ordered_json{{"rows", list}, {"good", good}}.dump());
    return good ? 0 : 1;
}

int check_machine(const CheckOptions& options) {
    nlohmann::ordered_json tables;
    for (const Kernels* table : available_kernels())
        for (const KernelOrigin& origin : kernel_origins(*table)) tables[std::string(table->name)][std::string(origin.kernel)] = origin.table;
    std::string signature = compute_signature();
    bool good = signature == committed_signature;
    std::string_view chosen = choose_kernels().name;
    if (options.json) {
        fmt::print("{}\n", nlohmann::ordered_json{{"signature", signature}, {"committed", committed_signature}, {"good", good}, {"threads", threads()},
                                                  {"chosen", chosen}, {"kernels", tables}}.dump());
        return good ? 0 : 1;
    }
    fmt::print("signature  {} {}\nthreads    {}\nkernels    {} (PUNA_KERNELS chooses another)\n\n", signature,
               good ? "as committed" : fmt::format("is not the committed {}", committed_signature), threads(), chosen);
    fmt::print("{:<24}", "");
    for (const Kernels* table : available_kernels()) fmt::print("{:<10}", table->name);
    for (const KernelOrigin& origin : kernel_origins(choose_kernels())) {
        fmt::print("\n{:<24}", origin.kernel);
        for (const Kernels* table : available_kernels())
            fmt::print("{:<10}", tables[std::string(table->name)][std::string(origin.kernel)].get<std::string>());
    }
    fmt::print("\n");
    return good ? 0 : 1;
}

}  // namespace

int run_check(Arguments arguments) {
    CheckOptions options;
    Flags flags("check", "Is this machine, and this build, computing what it should? Prints a signature of a tiny model's training\n"
                         "and text, and which table of kernels implements each kernel here.", "puna check --json");
    flags.add(list_fields(options));
    if (!flags.parse(arguments)) return 0;
    use_threads(options.threads);
    return options.golden.empty() ? check_machine(options) : check_folder(options);
}

}  // namespace puna
