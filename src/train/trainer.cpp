#include "train/trainer.h"

#include "core/checked.h"
#include "core/fields.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/processors.h"
#include "core/progress.h"
#include "core/system_memory.h"
#include "core/threads.h"
#include "model/checkpoint_folders.h"
#include "model/generation_defaults.h"
#include "model/load.h"
#include "train/card.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <exception>
#include <limits>
#include <system_error>

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
            "data with the model's tokenizer if it is another one",
            loader.set().folder().string(), *id, config.vocabulary);
}

// checkpoint: to resume from.
Config starting_config(const Recipe& recipe, const Loader& loader, const TrainerHooks& hooks,
                       const std::optional<fs::path>& checkpoint) {
    if (checkpoint) return load_config(*checkpoint);
    Config config = recipe.from.empty() ? config_of(recipe, loader.vocabulary()) : load_config(recipe.from);
    if (recipe.from.empty() || hooks.bos >= 0) config.bos = hooks.bos;
    if (recipe.from.empty() || config.pad < 0) config.pad = hooks.pad;
    config.eos = hooks.eos;
    return config;
}

void warn_about_memory(const Config& config, const Recipe& recipe, int64_t rows) {
    TrainingMemory memory = plan_training_memory(config, recipe, rows);
    auto available = static_cast<double>(available_memory());
    if (memory.total() <= available) return;
    bool can_save = recipe.micro_batch != 1 || !recipe.recompute;
    log_warning("training needs about {}, but {} are available; use {} or a smaller model", describe(memory),
                format_quantity(available, "B"), can_save ? "micro_batch 1, recompute" : "a smaller length");
}

// checkpoint: to resume from; its weights are read later.
Llama starting_model(const Kernels& kernels, const Recipe& recipe, const Loader& loader, const TrainerHooks& hooks,
                     const std::optional<fs::path>& checkpoint, const Group& group) {
    LoadOptions options{.dtype = recipe.type, .trainable = true};
    Config config = starting_config(recipe, loader, hooks, checkpoint);
    if (group.rank() == 0) warn_about_memory(config, recipe, recipe.batch / group.size());
    if (checkpoint) return uninitialized_llama(kernels, config, options);
    if (recipe.from.empty()) return seeded_llama(kernels, config, static_cast<uint64_t>(recipe.seed), options);
    check_ids(loader, config);
    if (recipe.length > config.context)
        fail_value("length", "rows of {} tokens are longer than the context of {}: use at most {}", recipe.length,
                   recipe.from, config.context);
    Llama llama = load_llama(kernels, recipe.from, options);
    llama.config = config;
    return llama;
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

// Training and validation sets must share a tokenizer.
void check_same_tokenizer(const Loader& loader, const Loader& training) {
    if (loader.set().index().tokenizer != training.set().index().tokenizer)
        fail("{}: was packed with a different tokenizer than {}", loader.set().folder().string(),
             training.set().folder().string());
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

// The tokenizer is that of the data. Its chat template too if it is of conversations; a model that is trained on text
// keeps the template of the model that it continues, if that has one. base: that model, or empty.
std::vector<ModelFile> model_files(const Config& config, const ShardSet& data, const fs::path& base) {
    std::vector<ModelFile> files = {{"tokenizer.json", read_text(data.folder() / "tokenizer.json")}};
    bool keeps = !base.empty() && !data.index().conversations && file_exists(base / "tokenizer_config.json");
    for (const char* name : {"tokenizer_config.json", "chat_template.jinja"})
        if (fs::path path = (keeps ? base : data.folder()) / name; file_exists(path))
            files.push_back({name, read_text(path)});
    fs::path defaults = base / "generation_config.json";
    bool has_defaults = !base.empty() && file_exists(defaults);
    files.push_back(
        {"generation_config.json", generation_config_json(config, has_defaults ? read_text(defaults) : "")});
    return files;
}

SetFacts facts_of(const ShardSet& set) {
    const SetIndex& index = set.index();
    return {.name = public_name(set.folder()),
            .conversations = index.conversations,
            .documents = index.documents,
            .tokens = index.tokens,
            .trained = index.trained,
            .bytes = index.bytes};
}

}  // namespace

Recipe resolve(Recipe recipe) {
    if (recipe.epochs > 0) {
        Loader loader(recipe.data, {.length = recipe.length});
        double steps =
            std::ceil(recipe.epochs * static_cast<double>(loader.rows_per_epoch()) / static_cast<double>(recipe.batch));
        recipe.steps = std::max<int64_t>(1, static_cast<int64_t>(std::min(steps, max_steps)));
        recipe.epochs = 0;
    }
    if (recipe.validation.empty()) {
        fs::path held_out = fs::path(recipe.data) / "validation";
        recipe.validation = file_exists(held_out / "index.json") ? held_out.string() : std::string(no_validation);
    }
    return recipe;
}

Trainer::Trainer(const Kernels& kernels, const Recipe& recipe, const Group& group, TrainerHooks hooks)
    : kernels_(kernels),
      recipe_((validate(recipe, group.size()), resolve(recipe))),
      group_(group),
      hooks_(std::move(hooks)),
      loader_(recipe.data, {.length = recipe.length, .seed = static_cast<uint64_t>(recipe.seed)}),
      folder_(open_to_resume()),
      last_checkpoint_(hooks_.resume ? newest_checkpoint(checkpoints()) : std::nullopt),
      llama_(starting_model(kernels, recipe, loader_, hooks_, last_checkpoint_, group)),
      optimizer_(llama_, recipe.optimizer),
      gradients_(kernels, gradient_elements(llama_), gradient_plan(recipe, rows_per_rank()), &llama_.output.weight),
      pass_(kernels_, &gradients_, recipe.recompute ? Activations::recompute : Activations::keep),
      peak_(measure_peak(kernels_, recipe.type)) {
    llama_.set_context(recipe.length);
    if (validates(recipe_)) {
        validation_.emplace(recipe_.validation, LoaderOptions{.length = recipe.length, .shuffle = false});
        check_same_tokenizer(*validation_, loader_);
        check_can_be_validated(recipe_, *validation_);
        check_ids(*validation_, llama_.config);
    }
    if (group_.rank() != 0) return;
    warn_about_data(loader_, recipe.length, recipe.batch);
    if (validation_) warn_about_truncation(*validation_, recipe.length);
}

Trainer::~Trainer() = default;

// Before anything is read of a run that is resumed, no other process may change it.
std::unique_ptr<RunFolder> Trainer::open_to_resume() const {
    check_startable(recipe_.output, {hooks_.resume, hooks_.force});
    if (!hooks_.resume || group_.rank() != 0) return nullptr;
    return std::make_unique<RunFolder>(recipe_.output);
}

fs::path Trainer::checkpoints() const { return fs::path(recipe_.output) / "checkpoints"; }

void Trainer::start_or_resume() {
    bool rank0 = group_.rank() == 0;
    if (hooks_.resume && !last_checkpoint_) {
        bool finished = file_exists(fs::path(recipe_.output) / "config.json");
        if (finished || !complete_checkpoints(checkpoints()).empty())
            fail("{}: no checkpoint to resume from is left; start again in another output folder", recipe_.output);
        if (rank0) log_info("{}: stopped before its first checkpoint; starting from step 0", recipe_.output);
    }
    if (last_checkpoint_) {
        resume_from(*last_checkpoint_);
        checkpointed_ = state_.step;
        has_earlier_model_ = file_exists(fs::path(recipe_.output) / "config.json");
    }
    if (last_checkpoint_ && state_.step == recipe_.steps && rank0)
        log_info("{}: training is already complete ({}/{} steps); rewriting the model files", recipe_.output,
                 state_.step, recipe_.steps);
    state_.recipe = recipe_json(recipe_);
    state_.data = hash_of_index(loader_);
    group_.barrier();  // all ranks have looked for checkpoints before rank 0 modifies the folder
    if (!rank0) return;
    if (!folder_) folder_ = std::make_unique<RunFolder>(recipe_.output);
    if (hooks_.force && !hooks_.resume) folder_->remove_run();
    model_files_ = model_files(llama_.config, loader_.set(), last_checkpoint_.value_or(recipe_.from));
    RunFacts facts = make_facts();
    folder_->begin(facts, state_);
    so_far_ = folder_->summary();
    if (!hooks_.on_start) return;
    TrainStart start{.facts = facts, .recipe = recipe_, .config = llama_.config, .step = state_.step, .peak = peak_};
    start.memory = plan_training_memory(llama_.config, recipe_, rows_per_rank());
    if (validation_) {
        start.validation_rows = validation_rows(recipe_, *validation_);
        start.all_validation_rows = validation_->rows_per_epoch();
    }
    hooks_.on_start(start);
}

RunFacts Trainer::make_facts() const {
    std::error_code unknown;
    RunFacts facts{.recipe = state_.recipe,
                   .command = hooks_.command,
                   .folder = fs::current_path(unknown).string(),
                   .version = hooks_.version,
                   .kernels = full_name(kernels_),
                   .processor = processor_name(),
                   .threads = threads(),
                   .processes = group_.size(),
                   .started = std::time(nullptr),
                   .parameters = parameter_count(llama_.config),
                   .vocabulary = llama_.config.vocabulary,
                   .rows_per_epoch = loader_.rows_per_epoch(),
                   .data = facts_of(loader_.set())};
    if (validation_) facts.validation = facts_of(validation_->set());
    return facts;
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
            "then resume the run",
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
    checkpointed_ = state_.step;
    if (!folder_) return;
    folder_->sync_logs(state_);
    CheckpointsToKeep keep{.newest = recipe_.keep_checkpoints};
    if (recipe_.keep_best && so_far_.best_step > 0) keep.best = so_far_.best_step;
    save_checkpoint(checkpoints(), state_, llama_, optimizer_, model_files_, keep);
    if (std::exchange(has_earlier_model_, false)) folder_->remove_model();
    folder_->write_report();
}

void Trainer::finish() {
    if (!folder_) return;
    fs::path output = recipe_.output;
    save_llama(llama_, output, Dtype::bf16);
    write_files(output, model_files_);
    write_card(output, {.recipe = recipe_,
                        .config = llama_.config,
                        .data = loader_.set().index(),
                        .truncated = loader_.truncated(),
                        .truncated_in_validation = validation_ ? validation_->truncated() : 0,
                        .changes = state_.changes,
                        .kernels = full_name(kernels_)});
}

// A step with what is due after it. elapsed: seconds until it begins.
void Trainer::advance(double elapsed) {
    double start = seconds_now();
    StepMetrics m = take_step();
    double seconds = seconds_now() - start;
    if (due(recipe_.validate_every)) validate_into(m);
    double rate = static_cast<double>(recipe_.batch * recipe_.length) / seconds;
    double operations = rate * training_operations(llama_.config, recipe_.length) / 1e9 / group_.size();
    peak_ = std::max(peak_, operations);  // a peak measured on a busy machine may be exceeded
    if (folder_) {
        if (hooks_.sample && recipe_.sample_every > 0 && due(recipe_.sample_every))
            m.sample = hooks_.sample(llama_, state_.step);
        StepTiming timing{m.step, seconds, rate, operations / peak_};
        folder_->append(m, timing);
        add(so_far_, m);
        elapsed += seconds_now() - start;
        double left =
            elapsed / static_cast<double>(state_.step - first_step_) * static_cast<double>(recipe_.steps - state_.step);
        if (hooks_.on_step) hooks_.on_step({m, timing, so_far_.loss.mean(), recipe_.steps, elapsed, left, peak_});
    }
    bool is_best = recipe_.keep_best && so_far_.best_step == state_.step;
    if (due(recipe_.checkpoint_every) || is_best)
        checkpoint();
    else if (folder_)
        folder_->write_report_if_due();
}

bool Trainer::stop_requested() { return group_.sum(hooks_.stop && hooks_.stop() ? 1 : 0) > 0; }

TrainResult Trainer::train() {
    start_or_resume();
    double start = seconds_now();
    first_step_ = state_.step;
    while (state_.step < recipe_.steps && !stop_requested()) advance(seconds_now() - start);
    TrainResult result{.step = state_.step, .steps = recipe_.steps, .stopped = state_.step < recipe_.steps};
    if (result.stopped && checkpointed_ != state_.step) checkpoint();
    if (!result.stopped) finish();
    if (folder_) {
        folder_->end(result.stopped ? RunEnd::stopped : RunEnd::finished);
        result.summary = folder_->summary();
    }
    group_.barrier();
    result.seconds = seconds_now() - start;
    return result;
}

TrainResult Trainer::run() {
    try {
        return train();
    } catch (const std::exception& problem) {
        if (folder_) folder_->end(RunEnd::failed, problem.what());
        throw;
    }
}

}  // namespace puna
