#include "train/run_folder.h"

#include "core/atomic_file.h"
#include "core/fields.h"
#include "core/json_document.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "model/checkpoint_folders.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace puna {

namespace fs = std::filesystem;

namespace {

constexpr const char* facts_name = "run.json";

// What a run writes to its folder, beside checkpoints and the shards of a large model.
constexpr const char *logs[] = {"metrics.jsonl", "timing.jsonl"},
                     *results[] = {"model.safetensors",   "model.safetensors.index.json",
                                   "config.json",         "generation_config.json",
                                   "tokenizer.json",      "tokenizer_config.json",
                                   "chat_template.jinja", "README.md"},
                     *report = "report.html";

bool path_exists(const fs::path& path) {
    std::error_code problem;
    bool exists = fs::exists(path, problem);
    if (problem) fail("{}: cannot access: {}", path.string(), problem.message());
    return exists;
}

bool is_shard(std::string_view name) {
    return name.starts_with("model-") && name.ends_with(".safetensors") && name.find("-of-") != name.npos;
}

void remove_path(const fs::path& path) {
    std::error_code problem;
    fs::remove_all(path, problem);
    if (problem) fail("{}: cannot remove: {}", path.string(), problem.message());
}

// With the values of the JSON text, as it is in run.json and in manifests.
Recipe parse_recipe_json(std::string_view json, const std::string& path) {
    Recipe recipe;
    std::vector<Field> list = list_fields(recipe);
    from_json(list, JsonDocument(json, path).root());
    return recipe;
}

// A relative path of a run that was started in another folder.
void resolve_path(std::string& path, const fs::path& started_in) {
    std::error_code problem;
    if (path.empty() || fs::path(path).is_absolute() || started_in == fs::current_path(problem)) return;
    if (fs::path there = started_in / path; fs::exists(there, problem)) path = there.string();
}

}  // namespace

void check_startable(const fs::path& output, const StartMode& mode) {
    fs::path checkpoints = output / "checkpoints";
    bool started = path_exists(output / "metrics.jsonl") || !complete_checkpoints(checkpoints).empty();
    bool described = path_exists(checkpoints / facts_name);
    if (mode.resume && !started && !described)
        fail(ErrorKind::not_found, "{}: contains no training run to resume", output.string());
    if (mode.resume || (mode.force && (started || described))) return;
    if (started) fail(ErrorKind::exists, "{}: already contains a training run, which can be resumed", output.string());
    std::vector<const char*> new_files(std::begin(results), std::end(results));
    new_files.push_back(report);
    for (const char* name : new_files)
        if (path_exists(output / name))
            fail("{}: already exists and would be overwritten; choose another output folder", (output / name).string());
}

Recipe read_run_recipe(const fs::path& output) {
    check_startable(output, {.resume = true});
    fs::path path = output / "checkpoints" / facts_name;
    Recipe recipe;
    if (path_exists(path)) {
        RunFacts facts = parse_run_facts(read_text(path), path.string());
        recipe = parse_recipe_json(facts.recipe, path.string());
        for (std::string* field : {&recipe.data, &recipe.validation, &recipe.from}) resolve_path(*field, facts.folder);
    } else if (std::vector<fs::path> all = complete_checkpoints(output / "checkpoints"); !all.empty()) {
        fs::path manifest = all.front() / checkpoint_manifest;
        recipe =
            parse_recipe_json(parse_manifest(read_text(manifest), manifest.string()).state.recipe, manifest.string());
    } else {
        fail(ErrorKind::not_found, "{}: no checkpoint to resume from is left; start again in another output folder",
             output.string());
    }
    recipe.output = output.string();
    return recipe;
}

RunFolder::RunFolder(fs::path output)
    : output_(std::move(output)),
      lock_((make_folder(output_ / "checkpoints"), output_ / "checkpoints")),
      report_(output_) {}

void RunFolder::remove_run() {
    std::vector<fs::path> paths;
    for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints()))
        if (entry.path().filename() != "lock") paths.push_back(entry.path());
    remove_model();
    paths.push_back(output_ / report);
    for (const char* name : logs) paths.push_back(output_ / name);  // last: by them the folder is known as a run's
    for (const fs::path& path : paths) remove_path(path);
}

void RunFolder::remove_model() {
    remove_path(output_ / "config.json");  // first: without it there is no model
    std::vector<fs::path> paths;
    for (const fs::directory_entry& entry : fs::directory_iterator(output_))
        if (is_shard(entry.path().filename().string())) paths.push_back(entry.path());
    for (const char* name : results) paths.push_back(output_ / name);
    for (const fs::path& path : paths) remove_path(path);
}

void RunFolder::begin(RunFacts facts, RunState& state) {
    facts_ = std::move(facts);
    remove_stale(output_, state.step);
    write_facts();
    std::error_code absent;
    fs::path timing = output_ / "timing.jsonl";
    auto timed = static_cast<int64_t>(fs::exists(timing, absent) ? fs::file_size(timing, absent) : 0);
    if (timed < state.timing_bytes)
        log_warning("{}: truncated; the report lacks the speed of some steps", timing.string());
    state.timing_bytes = std::min(state.timing_bytes, timed);
    logs_.reset(
        new Logs{JsonLines(output_ / "metrics.jsonl", state.metrics_bytes), JsonLines(timing, state.timing_bytes)});
    write_report();
    stepped_at_ = seconds_now();
}

void RunFolder::append(const StepMetrics& metrics, const StepTiming& timing) {
    logs_->metrics.append(to_line(metrics));
    logs_->timing.append(to_line(timing));
    double now = seconds_now();
    longest_step_ = std::max(longest_step_.value_or(0), now - stepped_at_);
    stepped_at_ = now;
}

void RunFolder::sync_logs(RunState& state) {
    logs_->metrics.sync();
    logs_->timing.sync();
    state.metrics_bytes = logs_->metrics.bytes();
    state.timing_bytes = logs_->timing.bytes();
}

RunSummary RunFolder::summary() const { return report_.runs().front().summary(); }

void RunFolder::write_facts() const { write_file(checkpoints() / facts_name, run_facts_json(facts_)); }

void RunFolder::write_report() {
    constexpr double min_interval = 20, max_share = 0.02;  // of the time
    constexpr double first_step = 100;                     // a guess
    double start = seconds_now();
    report_.write(facts_.end == RunEnd::none ? report_interval_ + longest_step_.value_or(first_step) : 0);
    reported_at_ = seconds_now();
    report_interval_ = std::max(min_interval, (reported_at_ - start) / max_share);
}

void RunFolder::write_report_if_due() {
    if (seconds_now() - reported_at_ >= report_interval_) write_report();
}

void RunFolder::end(RunEnd end, std::string_view problem) {
    if (!logs_) return;  // it failed before it began: the folder is as it was
    facts_.end = end;
    facts_.problem = problem;
    try {
        write_facts();
        write_report();
    } catch (const Error&) {
        if (end != RunEnd::failed) throw;
    }
}

}  // namespace puna
