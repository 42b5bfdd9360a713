#include "train/trainer.h"

#include "core/atomic_file.h"
#include "core/checked.h"
#include "core/fields.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "model/load.h"
#include "train/card.h"
#include "train/report.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

namespace puna {

namespace fs = std::filesystem;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// NaN for a count of 0.
double mean(double sum, double count) { return count > 0 ? sum / count : nan; }

// The tokenizer may have more tokens than the model if the data does not use them.
void check_ids(const Loader& loader, const Config& config) {
    if (loader.vocabulary() <= config.vocabulary) return;
    if (std::optional<int32_t> id = loader.find_id_from(config.vocabulary))
        fail(
            "{}: contains token {}, but the model's vocabulary size is {}: remove texts with this token, or pack the "
            "data with the "
            "model's tokenizer if it is another one",
            loader.set().folder().string(), *id, config.vocabulary);
}

Llama starting_model(const Kernels& kernels, const Recipe& recipe, const Loader& loader, const TrainerHooks& hooks) {
    LoadOptions options{.dtype = recipe.type, .trainable = true};
    Config config = recipe.from.empty() ? config_of(recipe, loader.vocabulary()) : load_config(recipe.from);
    if (recipe.from.empty() || hooks.bos >= 0) config.bos = hooks.bos;
    config.eos = hooks.eos;
    if (recipe.from.empty()) return seeded_llama(kernels, config, static_cast<uint64_t>(recipe.seed), options);
    check_ids(loader, config);
    if (recipe.length > config.context)
        fail_value("length", "rows of {} tokens are longer than the context of {}: use at most {}", recipe.length,
                   recipe.from, config.context);
    Llama llama = load_llama(kernels, recipe.from, options);
    llama.config = config;
    return llama;
}

int64_t chunks_of_row(int64_t length) { return static_cast<int64_t>(chunks_of(1, length).size()) - 1; }

GradientPlan plan_of(const Recipe& recipe, int64_t share) {
    int64_t micro = recipe.micro_batch > 0 ? recipe.micro_batch : share, chunks = chunks_of_row(recipe.length);
    return {.chunks_per_pass = micro * chunks,
            .chunks_per_step = share * chunks,
            .running = recipe.gradient_sum == SumOrder::running};
}

Batch batch_of_rows(TrainingRows rows, int64_t n, int64_t length) {
    Batch batch;
    batch.tokens = std::move(rows.tokens);
    batch.targets = std::move(rows.targets);
    for (size_t i = 0; i < rows.starts.size(); ++i) {
        int64_t end = i + 1 < rows.starts.size() ? rows.starts[i + 1] : n * length;
        batch.sequences.push_back({rows.starts[i], end - rows.starts[i]});
    }
    batch.chunk = chunks_of(n, length);
    return batch;
}

std::string recipe_json(Recipe recipe) { return to_json(list_fields(recipe)); }

std::string hash_of_index(const Loader& loader) { return hash_digits(hash_file(loader.set().folder() / "index.json")); }

bool path_exists(const fs::path& path) {
    std::error_code problem;
    bool exists = fs::exists(path, problem);
    if (problem) fail("{}: cannot access: {}", path.string(), problem.message());
    return exists;
}

// Training and validation sets must share a tokenizer.
void check_same_tokenizer(const Loader& loader, const Loader& training) {
    if (loader.set().index().tokenizer != training.set().index().tokenizer)
        fail("{}: was packed with a different tokenizer than {}", loader.set().folder().string(),
             training.set().folder().string());
}

// Never overwrite an existing model, card or packed set.
void check_no_existing_result(const fs::path& output) {
    for (const char* name :
         {"model.safetensors", "model.safetensors.index.json", "config.json", "generation_config.json",
          "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "README.md", "report.html"})
        if (path_exists(output / name))
            fail("{}: already exists and would be overwritten; choose another output folder", (output / name).string());
}

void warn_about_truncation(const Loader& loader, int64_t length) {
    if (loader.truncated() > 0)
        log_warning(
            "{}: {} of {} conversations are longer than a row of {} tokens and are truncated; use a larger length",
            loader.set().folder().string(), loader.truncated(), loader.set().index().documents, length);
}

void warn_about_data(const Loader& loader, int64_t length, int64_t batch) {
    if (loader.set().index().trained == 0)
        fail("{}: no assistant message is in the loss, so there is nothing to train on",
             loader.set().folder().string());
    warn_about_truncation(loader, length);
    if (batch > loader.rows_per_epoch())
        log_warning("{}: has {} of {} tokens, fewer than the batch of {}: each step repeats some of them",
                    loader.set().folder().string(), format_count(loader.rows_per_epoch(), "row"), length, batch);
}

int64_t validation_rows(const Recipe& recipe, const Loader& validation) {
    int64_t all = validation.rows_per_epoch();
    return recipe.validation_rows > 0 ? std::min(recipe.validation_rows, all) : all;
}

// Fail before hours of training, not after, if the validation loss would be a mean over no tokens.
void check_can_be_validated(const Recipe& recipe, const Loader& validation) {
    int64_t rows = validation_rows(recipe, validation);
    for (int64_t row = 0; row < rows; ++row)
        if (validation.read(row, 1).trained > 0) return;
    fail(
        "{}: no token is in the loss in the {} validation rows of {} tokens; use a larger length, more "
        "validation_rows or other data",
        recipe.validation, rows, recipe.length);
}

// The tokenizer is that of the data. Its chat template too if it is of conversations; a model that was trained on text
// keeps the template of the model that it continues, if that has one.
void save_tokenizer_files(const fs::path& output, const fs::path& data, const fs::path& base) {
    fs::path templates = !base.empty() && file_exists(base / "tokenizer_config.json") ? base : data;
    write_file(output / "tokenizer.json", read_text(data / "tokenizer.json"));
    for (const char* name : {"tokenizer_config.json", "chat_template.jinja"})
        if (file_exists(templates / name)) write_file(output / name, read_text(templates / name));
}

}  // namespace

struct Trainer::Files {
    JsonLines metrics, timing;
};

Trainer::Trainer(const Kernels& kernels, const Recipe& recipe, const Group& group, TrainerHooks hooks)
    : kernels_(kernels),
      recipe_((validate(recipe, group.size()), recipe)),
      group_(group),
      hooks_(std::move(hooks)),
      loader_(recipe.data, {.length = recipe.length, .seed = static_cast<uint64_t>(recipe.seed)}),
      llama_(starting_model(kernels, recipe, loader_, hooks_)),
      optimizer_(llama_, recipe.optimizer),
      gradients_(kernels, gradient_elements(llama_), plan_of(recipe, rows_per_rank()), &llama_.output.weight),
      pass_(kernels_, &gradients_, recipe.recompute ? Activations::recompute : Activations::keep),
      peak_(measure_peak(kernels_, recipe.type)) {
    if (!recipe.validation.empty()) {
        validation_.emplace(recipe.validation, LoaderOptions{.length = recipe.length, .shuffle = false});
        check_same_tokenizer(*validation_, loader_);
        check_can_be_validated(recipe, *validation_);
        check_ids(*validation_, llama_.config);
    }
    if (group_.rank() != 0) return;
    warn_about_data(loader_, recipe.length, recipe.batch);
    if (validation_) warn_about_truncation(*validation_, recipe.length);
}

Trainer::~Trainer() = default;

void Trainer::start_or_resume() {
    fs::path output = recipe_.output, checkpoints = output / "checkpoints";
    bool started = path_exists(output / "metrics.jsonl"), finished = path_exists(output / "model.safetensors"),
         any = has_checkpoints(checkpoints);
    if (!hooks_.resume && (started || any))
        fail("{}: already contains a training run; resume it, or choose another output folder", output.string());
    if (!hooks_.resume) check_no_existing_result(output);
    if (hooks_.resume && !started && !any)
        fail("{}: no checkpoint to resume from; give the folder of a run, or start one without resuming",
             output.string());
    if (group_.rank() == 0) {
        make_folder(checkpoints);
        lock_ = std::make_unique<RunLock>(checkpoints);
    }
    std::optional<fs::path> last = newest_checkpoint(checkpoints);
    if (hooks_.resume && !last && (finished || any))
        fail("{}: no checkpoint to resume from is left; start again in another output folder", output.string());
    if (last) resume_from(*last);
    if (last && state_.step == recipe_.steps && group_.rank() == 0)
        log_info("{}: training is already complete ({}/{} steps); rewriting the model files", output.string(),
                 state_.step, recipe_.steps);
    if (hooks_.resume && !last && group_.rank() == 0)
        log_info("{}: stopped before its first checkpoint; starting from step 0", output.string());
    state_.recipe = recipe_json(recipe_);
    state_.data = hash_of_index(loader_);
    group_.barrier();  // all ranks have looked for checkpoints before rank 0 modifies the folder
    if (group_.rank() != 0) return;
    remove_stale(output, state_.step);
    std::error_code absent;
    auto timed = static_cast<int64_t>(
        fs::exists(output / "timing.jsonl", absent) ? fs::file_size(output / "timing.jsonl", absent) : 0);
    if (timed < state_.timing_bytes)
        log_warning("{}: truncated; the report lacks the speed of some steps", (output / "timing.jsonl").string());
    state_.timing_bytes = std::min(state_.timing_bytes, timed);
    files_.reset(new Files{JsonLines(output / "metrics.jsonl", state_.metrics_bytes),
                           JsonLines(output / "timing.jsonl", state_.timing_bytes)});
}

void Trainer::resume_from(const fs::path& checkpoint) {
    RunState before = load_checkpoint(checkpoint, llama_, optimizer_);
    for (const std::string& change : changes_of_recipe(before.recipe, recipe_json(recipe_), checkpoint.string())) {
        if (before.step >= recipe_.steps)
            fail("{}: all {} steps are done, so {} has no effect; raise steps too", checkpoint.string(), before.step,
                 change);
        before.changes.push_back(fmt::format("from step {} on: {}", before.step, change));
        if (group_.rank() == 0) log_info("{}", before.changes.back());
    }
    if (before.data != hash_of_index(loader_))
        fail("{}: was trained on other data than {}; pass the folder of its original data", checkpoint.string(),
             recipe_.data);
    state_ = before;
    refresh_weights(llama_);
}

StepMetrics Trainer::take_step() {
    int64_t passes = rows_per_rank() / rows_per_pass(), first = state_.position + group_.rank() * rows_per_rank();
    std::vector<TrainingRows> rows;
    double trained = 0;
    for (int64_t p = 0; p < passes; ++p) {
        rows.push_back(loader_.read(first + p * rows_per_pass(), rows_per_pass()));
        trained += static_cast<double>(rows.back().trained);
    }
    trained = group_.sum(trained);
    idle_rows_ = trained == 0 ? idle_rows_ + recipe_.batch : 0;
    if (idle_rows_ >= loader_.rows_per_epoch())
        fail("step {}: no token of the last {} rows is in the loss; use a larger length", state_.step + 1, idle_rows_);
    std::vector<double> losses;
    for (TrainingRows& part : rows) {
        pass_.begin(batch_of_rows(std::move(part), rows_per_pass(), recipe_.length));
        std::vector<double> sums =
            llama_.loss(pass_, llama_.forward(pass_), static_cast<float>(1 / std::max(1.0, trained)));
        losses.insert(losses.end(), sums.begin(), sums.end());
        pass_.backward();
        gradients_.advance(static_cast<int64_t>(sums.size()));
    }
    StepMetrics m{.step = state_.step + 1,
                  .loss = mean(group_.sum(tree_sum(losses)), trained),
                  .learning_rate = learning_rate_at(recipe_, state_.step),
                  .trained = static_cast<int64_t>(trained),
                  .validation_loss = nan,
                  .bits_per_byte = nan};
    Tensor gradients = gradients_.finish(pass_.stream);
    group_.all_reduce(kernels_, pass_.stream, gradients);
    bool finite = std::isfinite(m.loss) || trained == 0;
    m.gradient_norm = finite ? optimizer_.step(llama_, gradients, m.learning_rate) : nan;
    if (!std::isfinite(m.gradient_norm))
        fail(
            "step {}: the {} is not finite; lower learning_rate (now {:.3g}) or inspect rows {} to {} of the data, "
            "then "
            "resume the run",
            m.step, finite ? "gradient" : "loss", m.learning_rate, state_.position,
            state_.position + recipe_.batch - 1);
    ++state_.step;
    state_.position += recipe_.batch;
    return m;
}

void Trainer::validate_into(StepMetrics& metrics) {
    if (!validation_) return;
    int64_t n = validation_rows(recipe_, *validation_);
    Progress progress("validating", divide_up<int64_t>(n, group_.size()), "rows");
    double loss = 0, trained = 0, bytes = 0;
    Pass pass(kernels_);
    for (int64_t row = group_.rank(); row < n; row += group_.size()) {
        TrainingRows rows = validation_->read(row, 1);
        trained += static_cast<double>(rows.trained);
        bytes += static_cast<double>(rows.bytes);
        pass.begin(batch_of_rows(std::move(rows), 1, recipe_.length));
        loss += tree_sum(llama_.loss(pass, llama_.forward(pass), 0));
        progress.advance(1);
    }
    loss = group_.sum(loss);
    metrics.validation_loss = mean(loss, group_.sum(trained));
    metrics.bits_per_byte = mean(loss / 0.6931471805599453, group_.sum(bytes));
}

void Trainer::checkpoint() {
    if (!files_) return;
    files_->metrics.sync();
    files_->timing.sync();
    state_.metrics_bytes = files_->metrics.bytes();
    state_.timing_bytes = files_->timing.bytes();
    fs::path output = recipe_.output;
    save_checkpoint(output / "checkpoints", state_, llama_, optimizer_, recipe_.keep_checkpoints);
    write_report(output, full_name(kernels_));
}

void Trainer::finish() {
    if (!files_) return;
    fs::path output = recipe_.output, data = recipe_.data;
    save_llama(llama_, output, Dtype::bf16);
    save_tokenizer_files(output, data, loader_.set().index().conversations ? "" : recipe_.from);
    fs::path base = fs::path(recipe_.from) / "generation_config.json";
    bool has_base = !recipe_.from.empty() && file_exists(base);
    write_file(output / "generation_config.json",
               generation_config_json(llama_.config, has_base ? read_text(base) : ""));
    write_card(output, {.recipe = recipe_,
                        .config = llama_.config,
                        .data = loader_.set().index(),
                        .truncated = loader_.truncated(),
                        .truncated_in_validation = validation_ ? validation_->truncated() : 0,
                        .changes = state_.changes,
                        .kernels = full_name(kernels_)});
    write_report(output, full_name(kernels_));  // again: the run is now finished
}

void Trainer::run() {
    start_or_resume();
    double tokens = static_cast<double>(recipe_.batch * recipe_.length);
    double run_start = seconds_now();
    int64_t first = state_.step;
    while (state_.step < recipe_.steps) {
        double start = seconds_now();
        StepMetrics m = take_step();
        double seconds = seconds_now() - start;
        if (due(recipe_.validate_every)) validate_into(m);
        double rate = tokens / seconds;
        double operations = rate * training_operations(llama_.config, recipe_.length) / 1e9 / group_.size();
        peak_ = std::max(peak_, operations);  // a peak measured on a busy machine may be exceeded
        StepTiming timing{m.step, seconds, rate, operations / peak_};
        if (files_) {
            files_->metrics.append(to_line(m));
            files_->timing.append(to_line(timing));
            double left = (seconds_now() - run_start) / static_cast<double>(state_.step - first) *
                          static_cast<double>(recipe_.steps - state_.step);
            if (hooks_.on_step) hooks_.on_step({m, timing, recipe_.steps, left, peak_});
            if (hooks_.sample && recipe_.sample_every > 0 && due(recipe_.sample_every))
                hooks_.sample(llama_, state_.step);
        }
        if (due(recipe_.checkpoint_every)) checkpoint();
    }
    finish();
    group_.barrier();
}

}  // namespace puna
