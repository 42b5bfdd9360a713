#include "bench/bench.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "core/error.h"
#include "core/threads.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace puna {

namespace {

struct Bench {
    std::string_view name;
    std::vector<BenchRow> (*run)(const BenchOptions& options);
    bool reads_text = false;
};
constexpr Bench benches[] = {
    {"machine", bench_machine},           {"kernels", bench_kernels}, {"train", bench_train},
    {"tokenizer", bench_tokenizer, true}, {"pack", bench_pack, true},
};
constexpr const char* bench_names = "machine, kernels, train, tokenizer or pack";

struct PrintOptions {
    bool json = false;
};
template <class F>
void fields(PrintOptions& o, F field) {
    field("json", o.json, "print one JSON object per row");
}

void print(const BenchRow& row, bool json) {
    if (json) {
        fmt::print("{}\n", nlohmann::ordered_json{{"bench", row.bench},
                                                  {"shape", row.shape},
                                                  {"type", row.type},
                                                  {"kernels", row.kernels},
                                                  {"threads", row.threads},
                                                  {"value", row.value},
                                                  {"unit", row.unit},
                                                  {"limit", row.limit},
                                                  {"share", row.share}}
                               .dump());
        return;
    }
    fmt::print("{:<10}{:<74}{:<6}{:>10.1f} {:<9}", row.bench, row.shape, row.type, row.value, row.unit);
    if (row.share > 0 && row.bench != "machine") fmt::print(" {:>5.1f} % of {:.1f}", row.share * 100, row.limit);
    fmt::print("\n");
}

}  // namespace

int run_bench(Arguments arguments) {
    std::string name;
    BenchOptions options;
    PrintOptions output;
    ThreadOptions compute;
    Flags flags("bench",
                "Measure speed as a share of this machine's peak, which is measured before and after every repetition.",
                "puna bench machine\n"
                "puna bench kernels --op softmax --repetitions 1");
    flags.positional("BENCH", name, bench_names);
    flags.add(list_fields(options));
    flags.add(list_fields(output));
    flags.add(list_fields(compute));
    if (!flags.parse(arguments)) return 0;
    set_threads(compute.threads);
    for (const Bench& bench : benches) {
        if (bench.name != name) continue;
        if (bench.reads_text && options.text.empty())
            throw UsageError("--text is missing: a text file, or a folder of files, to encode");
        if (bench.reads_text && options.tokenizer.empty())
            throw UsageError("--tokenizer is missing: a model folder, tokenizer.json or tokenizer.model");
        for (std::string_view field : {"op", "text", "tokenizer"})
            if (flags.given(field) && (field == "op" ? name != "kernels" : !bench.reads_text))
                flags.print({fmt::format("{}: has no effect on bench {}", field, name)});
        if (!output.json) fmt::print("kernels: {}, threads: {}\n", full_name(choose_kernels()), threads());
        for (const BenchRow& row : bench.run(options)) print(row, output.json);
        return 0;
    }
    std::vector<std::string_view> names;
    for (const Bench& bench : benches) names.push_back(bench.name);
    std::string_view guess = closest(name, names);
    throw UsageError(
        fmt::format("unknown benchmark '{}'{}", printable(name),
                    guess.empty() ? fmt::format("; use {}", bench_names) : fmt::format(". Did you mean '{}'?", guess)));
}

}  // namespace puna
