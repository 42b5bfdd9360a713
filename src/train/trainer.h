// train/trainer.h — runs training: from a recipe to a model folder.
//
//   Trainer trainer(choose_kernels(), recipe, Group::world(), hooks);
//   trainer.run();                        // resumes from the newest checkpoint with TrainerHooks::resume
//
// A step reads rows from the loader in passes of micro_batch rows, sums gradients in the tree of nn/gradients.h, then
// over processes, clips, and applies AdamW. Loss and gradients are normalized by the tokens in the loss of the whole
// step; a step without any has zero gradient. Weights and metrics.jsonl are a function of recipe and data alone,
// independent of threads, passes, interruptions, and the number of processes if each has 2^n chunks of a step (complete
// subtrees of the sum). Throws Error on failure; the last good checkpoint remains.
#pragma once
#include "comm/group.h"
#include "data/loader.h"
#include "kernels/peaks.h"
#include "model/llama.h"
#include "train/checkpoint.h"
#include "train/metrics.h"
#include "train/recipe.h"
#include "train/run_folder.h"
#include "train/training_memory.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace puna {

// Before the first step. recipe: resolved; step: done already, of a run that is resumed.
struct TrainStart {
    const RunFacts& facts;
    const Recipe& recipe;
    const Config& config;
    TrainingMemory memory = {};
    int64_t validation_rows = 0, all_validation_rows = 0;  // used each time; of the set
    int64_t step = 0;
    double peak = 0;  // of this machine, in GFLOP/s
};

// Progress after a step.
struct TrainReport {
    StepMetrics metrics;
    StepTiming timing;
    double smoothed_loss = 0;
    int64_t steps = 0;
    double seconds_elapsed = 0, seconds_left = 0;  // elapsed: since this process began
    double peak = 0;                               // of this machine, in GFLOP/s: what timing.share is relative to
};

struct TrainResult {
    int64_t step = 0, steps = 0;  // done; planned
    bool stopped = false;         // by TrainerHooks::stop, with a checkpoint
    double seconds = 0;           // of this process
    RunSummary summary = {};      // on rank 0
};

// Inputs from outside the recipe, and callbacks.
struct TrainerHooks {
    bool resume = false;
    bool force = false;  // replace an earlier run in the output folder
    int32_t bos = 0;     // -1: none
    int32_t pad = -1;    // -1: none; a model that is continued keeps its own
    std::vector<int32_t> eos;
    std::vector<std::string> command = {};  // for RunFacts
    std::string version = {};
    std::function<void(const TrainStart&)> on_start = {};  // on rank 0
    std::function<void(const TrainReport&)> on_step = {};  // on rank 0
    // On rank 0; must not modify the model.
    std::function<std::optional<TextSample>(Llama&, int64_t step)> sample = {};
    std::function<bool()> stop = {};  // on every rank, between steps; all stop if one returns true
};

// Sets the steps from epochs, and the validation set of a recipe that names none: `validation` in its training set, or
// no_validation. Throws Error if the training set cannot be read.
Recipe resolve(Recipe recipe);

class Trainer {
 public:
    Trainer(const Kernels& kernels, const Recipe& recipe, const Group& group, TrainerHooks hooks);
    ~Trainer();

    TrainResult run();

 private:
    int64_t rows_per_rank() const { return recipe_.batch / group_.size(); }  // rows per step of this process
    int64_t rows_per_pass() const { return recipe_.micro_batch > 0 ? recipe_.micro_batch : rows_per_rank(); }
    bool due(int64_t every) const { return (every > 0 && state_.step % every == 0) || state_.step == recipe_.steps; }

    std::filesystem::path checkpoints() const;
    std::unique_ptr<RunFolder> open_to_resume() const;
    RunFacts make_facts() const;
    void start_or_resume();
    void resume_from(const std::filesystem::path& checkpoint);
    TrainResult train();
    void advance(double elapsed);
    StepMetrics take_step();
    void validate_into(StepMetrics& metrics);
    bool stop_requested();
    void checkpoint();
    void finish();

    const Kernels& kernels_;
    Recipe recipe_;
    Group group_;
    TrainerHooks hooks_;
    Loader loader_;
    std::unique_ptr<RunFolder> folder_;  // rank 0 only; before what is read from a run that is resumed
    std::optional<std::filesystem::path> last_checkpoint_;
    std::optional<Loader> validation_;
    Llama llama_;
    Optimizer optimizer_;
    Gradients gradients_;
    Pass pass_;
    double peak_;  // this machine's peak, in GFLOP/s
    RunState state_;
    std::vector<ModelFile> model_files_;  // rank 0 only
    RunSummary so_far_;                   // rank 0 only
    int64_t first_step_ = 0, checkpointed_ = -1;
    bool has_earlier_model_ = false;  // the folder does, of the steps that it was finished with before
    int64_t idle_rows_ = 0;           // consecutive rows without a token in the loss
};

}  // namespace puna
