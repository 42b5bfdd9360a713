#include "train/report_run.h"

#include "core/fields.h"
#include "core/json_document.h"
#include "core/mapped_file.h"
#include "model/checkpoint_folders.h"
#include "train/card.h"
#include "train/manifest.h"
#include "train/recipe_notes.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

// None if it is missing or damaged: a report is written without it.
std::optional<RunFacts> read_facts(const fs::path& run) {
    try {
        fs::path path = run / "checkpoints" / "run.json";
        return parse_run_facts(read_text(path), path.string());
    } catch (const Error&) {
        return {};
    }
}

// Of the newest readable manifest. Does not verify tensors: a report is written with every checkpoint.
std::optional<RunState> newest_state(const fs::path& run) {
    for (const fs::path& checkpoint : complete_checkpoints(run / "checkpoints")) {
        try {
            fs::path path = checkpoint / checkpoint_manifest;
            return parse_manifest(read_text(path), path.string()).state;
        } catch (const Error&) {  // damaged, or of another version
        }
    }
    return {};
}

// None if it is of another version.
std::optional<Recipe> parse_recipe_json(const std::string& json) {
    try {
        Recipe recipe;
        std::vector<Field> list = list_fields(recipe);
        from_json(list, JsonDocument(json, "recipe").root());
        return recipe;
    } catch (const Error&) {
        return {};
    }
}

// Of a run without run.json, which was trained by an earlier version. A resumed one may still have the model of its
// earlier end.
bool has_result(const fs::path& run, int64_t steps, const std::optional<Recipe>& recipe) {
    std::error_code ignored;
    return fs::exists(run / "model.safetensors", ignored) && (!recipe || steps >= recipe->steps);
}

// To six digits, which halves the size of the page.
double rounded(double value) {
    std::string text = fmt::format("{:.6g}", value);
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

JsonObject series(const std::vector<StepValue>& points) {
    std::vector<int64_t> steps;
    std::vector<double> values;
    for (StepValue point : points) {
        steps.push_back(point.step);
        values.push_back(rounded(point.value));
    }
    return {{"steps", steps}, {"values", values}};
}

// `means` only if they differ from the points.
JsonObject noisy_series(const Curve& curve) {
    JsonObject json = series(curve.points());
    if (!curve.is_exact()) json.add("means", series(curve.means()));
    return json;
}

JsonObject all_series(const RunHistory& h) {
    return {{"loss", noisy_series(h.loss)},
            {"validation_loss", series(h.validation_loss.points())},
            {"bits_per_byte", series(h.bits_per_byte.points())},
            {"gap", series(h.gap.points())},
            {"learning_rate", series(h.learning_rate.points())},
            {"gradient_norm", noisy_series(h.gradient_norm)},
            {"tokens_per_second", noisy_series(h.tokens_per_second)},
            {"trained", series(h.trained.points())},
            {"seconds", series(h.seconds.points())}};
}

// What was not measured is null.
JsonObject summary_json(const RunSummary& s) {
    return {{"steps", s.steps},
            {"trained", s.trained},
            {"loss", s.loss.mean()},
            {"validation_loss", s.validation_loss},
            {"bits_per_byte", s.bits_per_byte},
            {"best_validation_loss", s.best_validation_loss},
            {"best_bits_per_byte", s.best_bits_per_byte},
            {"best_step", s.best_step},
            {"seconds", s.seconds},
            {"tokens_per_second", s.tokens_per_second},
            {"share", s.share}};
}

JsonList samples_json(const std::vector<StepSample>& samples) {
    JsonList list;
    for (const StepSample& s : samples)
        list.add(JsonObject{{"step", s.step}, {"prompt", s.sample.prompt}, {"text", s.sample.text}});
    return list;
}

bool is_private(std::string_view path) { return path.starts_with('/') || path.starts_with(".."); }

// An argument with its path, or the path of its --flag=PATH, without parents.
std::string public_argument(const std::string& argument) {
    size_t value = argument.starts_with("--") ? argument.find('=') + 1 : 0;
    std::string path = argument.substr(value);
    return is_private(path) ? argument.substr(0, value) + public_name(path) : argument;
}

// A message with the absolute paths in it reduced to their last components.
std::string public_message(std::string_view text) {
    constexpr std::string_view before = " '\"(=", after = " '\"():,;";
    std::string out;
    while (!text.empty()) {
        bool begins = text[0] == '/' && (out.empty() || before.find(out.back()) != before.npos);
        size_t length = begins ? std::min(text.find_first_of(after), text.size()) : 1;
        out += begins && length > 1 ? public_name(text.substr(0, length)) : std::string(text.substr(0, length));
        text.remove_prefix(length);
    }
    return out;
}

JsonObject set_json(const SetFacts& set) {
    return {{"name", set.name},           {"conversations", set.conversations},
            {"documents", set.documents}, {"tokens", set.tokens},
            {"trained", set.trained},     {"bytes", set.bytes}};
}

JsonObject facts_json(const RunFacts& f) {
    std::vector<std::string> command;
    for (const std::string& argument : f.command) command.push_back(public_argument(argument));
    JsonObject json{{"command", command},         {"version", f.version},
                    {"kernels", f.kernels},       {"processor", f.processor},
                    {"threads", f.threads},       {"processes", f.processes},
                    {"started", f.started},       {"parameters", f.parameters},
                    {"vocabulary", f.vocabulary}, {"rows_per_epoch", f.rows_per_epoch},
                    {"data", set_json(f.data)}};
    if (f.validation) json.add("validation", set_json(*f.validation));
    return json;
}

// The fields that have an effect, as text, without private paths. `epochs` became `steps` when the run began.
JsonList recipe_json(Recipe recipe) {
    for (std::string* path : {&recipe.data, &recipe.validation, &recipe.output, &recipe.from})
        if (!path->empty()) *path = public_name(*path);
    recipe.warm_up = warm_up_steps(recipe);
    JsonList list;
    for (const Field& field : list_fields(recipe))
        if (field.name != "epochs" && has_effect(recipe, field.name))
            list.add(JsonObject{{"group", field.group}, {"name", field.name}, {"value", to_text(field)}});
    return list;
}

}  // namespace

bool is_training(const fs::path& run) {
    int descriptor = ::open((run / "checkpoints" / "lock").c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return false;
    bool locked = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ::close(descriptor);
    return locked;
}

void ReportRun::update(bool known_to_run) {
    reader_.update();
    facts_ = read_facts(folder_);
    std::optional<RunState> state = newest_state(folder_);
    recipe_ = facts_ ? parse_recipe_json(facts_->recipe) : state ? parse_recipe_json(state->recipe) : std::nullopt;
    changes_ = state ? state->changes : std::vector<std::string>();
    phase_ = known_to_run ? RunPhase::running : find_phase();
}

RunPhase ReportRun::find_phase() const {
    if (facts_ && facts_->end == RunEnd::finished) return RunPhase::finished;
    if (facts_ && facts_->end == RunEnd::stopped) return RunPhase::stopped;
    if (facts_ && facts_->end == RunEnd::failed) return RunPhase::failed;
    if (!facts_ && has_result(folder_, summary().steps, recipe_)) return RunPhase::finished;
    return is_training(folder_) ? RunPhase::running : RunPhase::interrupted;
}

JsonObject ReportRun::json(const std::string& name) const {
    const RunHistory& history = reader_.history();
    return {{"name", name},
            {"phase", enum_name(phase_)},
            {"problem", facts_ && !facts_->problem.empty() ? JsonText(public_message(facts_->problem)) : nullptr},
            {"planned_steps", recipe_ ? JsonText(recipe_->steps) : nullptr},
            {"batch", recipe_ ? JsonText(recipe_->batch) : nullptr},
            {"summary", summary_json(history.summary)},
            {"series", all_series(history)},
            {"samples", samples_json(history.samples)},
            {"facts", facts_ ? JsonText(facts_json(*facts_)) : nullptr},
            {"recipe", recipe_ ? JsonText(recipe_json(*recipe_)) : nullptr},
            {"changes", changes_}};
}

}  // namespace puna
