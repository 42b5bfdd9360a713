#include "train/report.h"

#include "core/atomic_file.h"
#include "core/fields.h"
#include "core/json_document.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "train/card.h"
#include "train/downsample.h"
#include "train/manifest.h"
#include "train/metrics.h"
#include "train/recipe.h"
#include "train/report_page.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view run_marker = "@RUN@";
constexpr double max_value = 1e30;  // larger values are not drawn

// To six digits, which halves the size of the page.
double rounded(double value) {
    std::string text = fmt::format("{:.6g}", value);
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

// The drawable values by step. Damage or a copied file may repeat steps: the last value of each counts.
template <class Row>
std::vector<StepValue> values_of(const std::vector<Row>& rows, double Row::*member) {
    std::vector<StepValue> values;
    for (const Row& row : rows)
        if (std::abs(row.*member) < max_value) values.push_back({row.step, row.*member});
    std::reverse(values.begin(), values.end());
    auto before = [](StepValue a, StepValue b) { return a.step < b.step; };
    auto same = [](StepValue a, StepValue b) { return a.step == b.step; };
    std::stable_sort(values.begin(), values.end(), before);
    values.erase(std::unique(values.begin(), values.end(), same), values.end());
    return values;
}

JsonObject series(const std::vector<StepValue>& values) {
    std::vector<int64_t> steps;
    std::vector<double> numbers;
    for (const StepValue& value : values) {
        steps.push_back(value.step);
        numbers.push_back(rounded(value.value));
    }
    return {{"steps", steps}, {"values", numbers}};
}

JsonObject all_series(const std::vector<StepMetrics>& metrics, const std::vector<StepTiming>& timing) {
    auto of = [&](double StepMetrics::*member) { return series(downsample_minmax(values_of(metrics, member))); };
    return {{"loss", of(&StepMetrics::loss)},
            {"validation_loss", of(&StepMetrics::validation_loss)},
            {"bits_per_byte", of(&StepMetrics::bits_per_byte)},
            {"learning_rate", of(&StepMetrics::learning_rate)},
            {"gradient_norm", of(&StepMetrics::gradient_norm)},
            {"tokens_per_second", series(downsample_median(values_of(timing, &StepTiming::tokens_per_second)))}};
}

// The recipe in the newest readable manifest. Does not verify tensors: a report is written with every checkpoint.
std::optional<Recipe> recipe_of(const fs::path& folder) {
    std::optional<Recipe> newest;
    int64_t step = -1;
    std::error_code problem;
    for (fs::directory_iterator entry(folder / "checkpoints", problem), end; !problem && entry != end;
         entry.increment(problem)) {
        try {
            MappedFile file(entry->path() / "manifest.json");
            RunState state = parse_manifest(file.text(), file.path().string()).state;
            if (state.step <= step) continue;
            Recipe recipe;
            std::vector<Field> list = list_fields(recipe);
            from_json(list, JsonDocument(state.recipe, file.path().string()).root());
            newest = recipe;
            step = state.step;
        } catch (const Error&) {  // unfinished, or of another version
        }
    }
    return newest;
}

// What was not measured is null.
JsonObject summary_json(const RunSummary& run) {
    return {{"steps", run.steps},
            {"trained", run.trained},
            {"loss", run.loss},
            {"bits_per_byte", run.bits_per_byte},
            {"best_bits_per_byte", run.best_bits_per_byte},
            {"seconds", run.seconds},
            {"tokens_per_second", run.tokens_per_second},
            {"share", run.share}};
}

// A resumed run may still have the model of its earlier end.
const char* status(const fs::path& folder, const RunSummary& run, const std::optional<Recipe>& recipe) {
    std::error_code ignored;
    bool all_steps = recipe && run.steps >= recipe->steps;
    if (fs::exists(folder / "model.safetensors", ignored) && (all_steps || !recipe)) return "finished";
    return all_steps ? "all steps done, model not written" : "not finished";
}

// The fields as text, without private paths, and without the shape where the base model determines it.
JsonObject recipe_json(Recipe recipe) {
    constexpr std::string_view shape[] = {"dim", "layers", "heads", "kv_heads", "ffn", "context", "tied"};
    for (std::string* path : {&recipe.data, &recipe.validation, &recipe.output, &recipe.from})
        if (!path->empty()) *path = public_name(*path);
    recipe.warm_up = warm_up_steps(recipe);
    JsonObject json;
    for (const Field& field : list_fields(recipe)) {
        bool is_shape = std::find(std::begin(shape), std::end(shape), field.name) != std::end(shape);
        json.add(field.name, is_shape && !recipe.from.empty() ? "as in from" : to_text(field));
    }
    return json;
}

// For a <script> element: the same values without the character <, so that no string in it ends the element.
std::string json_for_html(std::string_view json) {
    std::string out;
    for (char c : json)  // in JSON, < occurs in strings only
        if (c == '<')
            out += "\\u003c";
        else
            out += c;
    return out;
}

}  // namespace

void write_report(const fs::path& folder, std::string_view kernels) {
    std::vector<StepMetrics> metrics = read_metrics(folder / "metrics.jsonl");
    std::vector<StepTiming> timing = read_timing(folder / "timing.jsonl");
    RunSummary run = summarize(metrics, timing);
    std::optional<Recipe> recipe = recipe_of(folder);
    JsonObject json{{"name", public_name(folder)},
                    {"written", fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)))},
                    {"status", status(folder, run, recipe)},
                    {"kernels", kernels},
                    {"summary", summary_json(run)},
                    {"series", all_series(metrics, timing)},
                    {"planned_steps", recipe ? JsonText(recipe->steps) : nullptr},
                    {"recipe", recipe ? JsonText(recipe_json(*recipe)) : nullptr}};
    std::string page(report_page);
    page.replace(page.find(run_marker), run_marker.size(), json_for_html(json.text()));
    write_file(folder / "report.html", page);
}

}  // namespace puna
