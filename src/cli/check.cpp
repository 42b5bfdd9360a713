#include "bench/golden.h"
#include "bench/signature.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/threads.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <limits>

namespace puna {

namespace {

struct CheckOptions {
    std::string golden;
};
template <class F>
void fields(CheckOptions& o, F field) {
    field("golden", o.golden, "compare this golden folder's model with its recorded values instead",
          {.word = "FOLDER"});
}

bool is_within(const GoldenRow& row) { return row.error <= row.tolerance; }

// JSON has no infinity.
double finite(double x) { return std::min(x, std::numeric_limits<double>::max()); }

void print_json(const std::vector<GoldenRow>& rows) {
    JsonList list;
    for (const GoldenRow& row : rows)
        list.add(JsonObject{{"kernels", row.kernels},
                            {"type", row.type},
                            {"what", row.what},
                            {"error", finite(row.error)},
                            {"tolerance", row.tolerance}});
    bool good = std::all_of(rows.begin(), rows.end(), is_within);
    fmt::print("{}\n", JsonObject{{"rows", list}, {"good", good}}.text());
}

void print_table(const std::vector<GoldenRow>& rows) {
    int64_t good = std::count_if(rows.begin(), rows.end(), is_within), all = std::ssize(rows);
    fmt::print("{}: {} of {} rows are within their tolerance\n\n", good == all ? "PASS" : "FAIL", good, all);
    fmt::print("{:<8} {:<5} {:<18} {:>11} {:>10}\n", "kernels", "type", "what", "error", "tolerance");
    for (const GoldenRow& row : rows)
        fmt::print("{:<8} {:<5} {:<18} {:>11.3g} {:>10.3g}{}\n", row.kernels, row.type, row.what, row.error,
                   row.tolerance, is_within(row) ? "" : "  TOO LARGE");
}

int check_folder(const std::string& golden, bool json) {
    std::vector<GoldenRow> rows = check_golden(golden);
    json ? print_json(rows) : print_table(rows);
    int64_t over = std::count_if(rows.begin(), rows.end(), [](const GoldenRow& row) { return !is_within(row); });
    if (over == 0) return 0;
    auto times_over = [](const GoldenRow& row) { return row.error / row.tolerance; };
    const GoldenRow& worst = *std::max_element(
        rows.begin(), rows.end(), [&](const auto& a, const auto& b) { return times_over(a) < times_over(b); });
    fail(
        "{}: {} of {} rows exceed their tolerance, the worst {} with {} kernels in {}: {:.3g}, where {:.3g} is "
        "allowed; if the folder is complete, this build or this machine computes wrong results",
        golden, over, rows.size(), worst.what, worst.kernels, worst.type, worst.error, worst.tolerance);
}

// Every table with its extensions: "avx512 with vnni, bf16", "avx2", "scalar".
std::vector<std::string> available_names() {
    std::vector<std::string> names;
    for (const Kernels* table : available_kernels()) names.push_back(full_name(*table));
    return names;
}

void print_machine_json(const std::string& signature, bool good) {
    JsonObject tables;
    for (const Kernels* table : available_kernels()) {
        JsonObject origins;
        for (const KernelOrigin& origin : kernel_origins(*table)) origins.add(origin.kernel, origin.table);
        tables.add(table->name, origins);
    }
    fmt::print("{}\n", JsonObject{{"signature", signature},
                                  {"committed", committed_signature},
                                  {"good", good},
                                  {"threads", threads()},
                                  {"chosen", choose_kernels().name},
                                  {"extensions", choose_kernels().extensions},
                                  {"available", available_names()},
                                  {"kernels", tables}}
                           .text());
}

void print_machine(const std::string& signature, bool good) {
    if (good)
        fmt::print("PASS: the signature matches the reference ({})\n", signature);
    else
        fmt::print("FAIL: the signature is {}, not the reference's {}\n", signature, committed_signature);
    std::span<const Kernels* const> tables = available_kernels();
    size_t width = 0;
    for (const KernelOrigin& origin : kernel_origins(*tables[0])) width = std::max(width, origin.kernel.size() + 2);
    fmt::print("threads: {}\nkernels: {} (set PUNA_KERNELS to choose another table)\navailable: {}\n\n{:<{}}",
               threads(), full_name(choose_kernels()), fmt::join(available_names(), "; "), "", width);
    for (const Kernels* table : tables) fmt::print("{:<10}", table->name);
    for (size_t i = 0; i < kernel_origins(*tables[0]).size(); ++i) {
        fmt::print("\n{:<{}}", kernel_origins(*tables[0])[i].kernel, width);
        for (const Kernels* table : tables) fmt::print("{:<10}", kernel_origins(*table)[i].table);
    }
    fmt::print("\n");
}

int check_machine(bool json) {
    std::string signature = compute_signature();
    bool good = signature == committed_signature;
    json ? print_machine_json(signature, good) : print_machine(signature, good);
    if (!good)
        fail(
            "the signature is {}, not the reference's {}: this build computes different results; rebuild with the "
            "release preset, and run puna check --golden to see which",
            signature, committed_signature);
    return 0;
}

}  // namespace

int run_check(Arguments arguments) {
    CheckOptions options;
    Flags flags(
        "check",
        "Check that this build computes the reference results on this machine. Prints a signature of a tiny model's "
        "training and generated text, and which kernel table implements each kernel.",
        "puna check\npuna check --json");
    flags.add(list_fields(options));
    flags.add_json("print JSON for scripts");
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;
    return options.golden.empty() ? check_machine(flags.json()) : check_folder(options.golden, flags.json());
}

}  // namespace puna
