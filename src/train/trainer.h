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

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace puna {

// Progress after a step.
struct TrainReport {
    StepMetrics metrics;
    StepTiming timing;
    int64_t steps = 0;
    double seconds_left = 0;
    double peak = 0;  // of this machine, in GFLOP/s: what timing.share is relative to
};

// Inputs from outside the recipe, and callbacks.
struct TrainerHooks {
    bool resume = false;
    int32_t bos = 0;  // -1: none
    std::vector<int32_t> eos;
    std::function<void(const TrainReport&)> on_step = {};   // on rank 0
    std::function<void(Llama&, int64_t step)> sample = {};  // on rank 0; must not modify the model
};

class Trainer {
 public:
    Trainer(const Kernels& kernels, const Recipe& recipe, const Group& group, TrainerHooks hooks);
    ~Trainer();

    void run();

 private:
    struct Files;

    int64_t rows_per_rank() const { return recipe_.batch / group_.size(); }  // rows per step of this process
    int64_t rows_per_pass() const { return recipe_.micro_batch > 0 ? recipe_.micro_batch : rows_per_rank(); }
    bool due(int64_t every) const { return (every > 0 && state_.step % every == 0) || state_.step == recipe_.steps; }

    void start_or_resume();
    void resume_from(const std::filesystem::path& checkpoint);
    StepMetrics take_step();
    void validate_into(StepMetrics& metrics);
    void checkpoint();
    void finish();

    const Kernels& kernels_;
    Recipe recipe_;
    Group group_;
    TrainerHooks hooks_;
    Loader loader_;
    std::optional<Loader> validation_;
    Llama llama_;
    Optimizer optimizer_;
    Gradients gradients_;
    Pass pass_;
    double peak_;  // this machine's peak, in GFLOP/s
    RunState state_;
    int64_t idle_rows_ = 0;  // consecutive rows without a token in the loss
    std::unique_ptr<RunLock> lock_;
    std::unique_ptr<Files> files_;  // rank 0 only
};

}  // namespace puna
