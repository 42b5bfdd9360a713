#include "bench/bench.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/model_argument.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/threads.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

namespace puna {

namespace {

struct Bench {
    std::string_view name;
    std::vector<BenchRow> (*run)(const BenchOptions& options);
    std::string_view options = {};  // that have an effect, beside repetitions
    bool reads(std::string_view name) const {
        return (" " + std::string(options) + " ").find(" " + std::string(name) + " ") != std::string::npos;
    }
};
constexpr std::string_view model_options = "shape model type layers context sequences", text_options = "text tokenizer";
constexpr Bench benches[] = {
    {"machine", bench_machine},
    {"kernels", bench_kernels, "op"},
    {"prefill", bench_prefill, model_options},
    {"decode", bench_decode, model_options},
    {"batch", bench_batch, model_options},
    {"train", bench_train},
    {"tokenizer", bench_tokenizer, text_options},
    {"pack", bench_pack, text_options},
    {"files", bench_files, "shape model"},
};

void print(const BenchRow& row, bool json) {
    if (json) {
        JsonObject object{{"bench", row.bench},     {"shape", row.shape},     {"type", row.type},
                          {"kernels", row.kernels}, {"threads", row.threads}, {"value", row.value},
                          {"unit", row.unit},       {"limit", row.limit},     {"share", row.share}};
        if (row.resident > 0) object.add("resident", row.resident);
        fmt::print("{}\n", object.text());
        return;
    }
    fmt::print("{:<10}{:<74}{:<6}{:>10.1f} {:<9}", row.bench, row.shape, row.type, row.value, row.unit);
    if (row.share > 0 && row.bench != "machine") fmt::print(" {:>5.1f} % of {:.1f}", row.share * 100, row.limit);
    if (row.resident > 0) fmt::print(", {} resident", format_quantity(static_cast<double>(row.resident), "B"));
    fmt::print("\n");
}

const Bench& find_bench(std::string_view name) {
    return *std::find_if(std::begin(benches), std::end(benches), [&](const Bench& b) { return b.name == name; });
}

void check_options(const Bench& bench, const BenchOptions& options) {
    if (!bench.reads("text")) return;
    if (options.text.empty()) throw UsageError("--text is missing: a text file, or a folder of files, to encode");
    if (options.tokenizer.empty())
        throw UsageError("--tokenizer is missing: a model, tokenizer.json or tokenizer.model");
}

void print_ineffective(const Bench& bench, BenchOptions options, const Flags& flags) {
    for (const Field& field : list_fields(options))
        if (flags.given(field.name) && field.name != "repetitions" && !bench.reads(field.name))
            flags.print({{field.name, fmt::format("has no effect on bench {}", bench.name)}});
    for (const char* field : {"shape", "layers"})
        if (bench.reads("layers") && flags.given("model") && flags.given(field))
            flags.print({{field, "has no effect on the model of a folder"}});
}

}  // namespace

int run_bench(Arguments arguments) {
    std::string name;
    std::vector<std::string_view> names;
    for (const Bench& bench : benches) names.push_back(bench.name);
    BenchOptions options;
    ModelArgumentOptions pulling;
    Flags flags("bench",
                "Measure speed as a share of this machine's peak, which is measured before and after every repetition.",
                "puna bench machine\n"
                "puna bench kernels --op softmax --repetitions 1\n"
                "puna bench decode --shape 1b --type bf16");
    flags.positional("BENCHMARK", name, names);
    flags.add(list_fields(options));
    flags.add(list_fields(pulling));
    flags.add_json("print one JSON object per row");
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;
    const Bench& bench = find_bench(name);
    check_options(bench, options);
    print_ineffective(bench, options, flags);
    for (std::string* model : {&options.model, &options.tokenizer})
        if (!model->empty()) *model = model_path(*model, pulling).string();
    if (!flags.json()) fmt::print("kernels: {}, threads: {}\n", full_name(choose_kernels()), threads());
    for (const BenchRow& row : bench.run(options)) print(row, flags.json());
    return 0;
}

}  // namespace puna
