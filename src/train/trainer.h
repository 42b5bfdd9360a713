// train/trainer.h — a training run from its recipe to a model folder.
//
//   Trainer trainer(recipe, Group::world(), hooks);
//   trainer.run();                        // or goes on from the newest checkpoint: TrainerHooks::resume
//
// A step: rows of the loader in passes of micro_batch rows, gradients summed in the tree of nn/gradients.h, summed over
// processes, clipped, AdamW. One normalisation: by the trained tokens of the whole step; one without any has no
// gradient. Weights and metrics.jsonl are a function of recipe and data alone: not of threads, passes, stops and
// resumes, nor of the number of processes where each of them has 2^n chunks of a step, which are whole subtrees of the
// sum. Throws Error for whatever is wrong; the last good checkpoint stays.
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

// What the run says while it goes, for a line of progress.
struct TrainReport {
    StepMetrics metrics;
    StepTiming timing;
    int64_t steps = 0;
    double seconds_left = 0;
};

// What the trainer does not know itself.
struct TrainerHooks {
    bool resume = false;
    int32_t bos = 0;
    std::vector<int32_t> eos;
    std::function<void(const TrainReport&)> on_step = {};   // on rank 0
    std::function<void(Llama&, int64_t step)> sample = {};  // on rank 0; the model is not to be changed
};

class Trainer {
 public:
    Trainer(const Recipe& recipe, const Group& group, TrainerHooks hooks);
    ~Trainer();

    void run();

 private:
    struct Files;

    int64_t share() const { return recipe_.batch / group_.size(); }  // rows of this process
    int64_t micro() const { return recipe_.micro_batch > 0 ? recipe_.micro_batch : share(); }
    bool due(int64_t every) const { return (every > 0 && state_.step % every == 0) || state_.step == recipe_.steps; }

    void start_or_resume();
    void resume_from(const std::filesystem::path& checkpoint);
    StepMetrics take_step();
    void validate_into(StepMetrics& metrics);
    void checkpoint();
    void finish();

    Recipe recipe_;
    Group group_;
    TrainerHooks hooks_;
    const Kernels& kernels_;
    Loader loader_;
    std::optional<Loader> validation_;
    Llama llama_;
    Optimizer optimizer_;
    Gradients gradients_;
    Pass pass_;
    double peak_;  // 10^9 operations a second of this machine
    RunState state_;
    int64_t idle_rows_ = 0;  // the last ones, in which nothing was to be learnt
    std::unique_ptr<RunLock> lock_;
    std::unique_ptr<Files> files_;  // rank 0 alone writes
};

}  // namespace puna
