// train/history.h — what a run's metrics.jsonl and timing.jsonl hold, in bounded memory.
//
//   HistoryReader reader("my-model");
//   reader.update();                                         // again later: reads only what was added
//   double best = reader.history().summary.best_bits_per_byte;
//
// Damaged lines, and steps that were there before (of a copied file), are skipped. If a file has become shorter, as
// when a run is resumed from a checkpoint, all is read again.
#pragma once
#include "train/curve.h"
#include "train/metrics.h"

#include <cstdint>
#include <deque>
#include <filesystem>
#include <string_view>
#include <vector>

namespace puna {

struct StepSample {
    int64_t step = 0;
    TextSample sample;
};

struct RunHistory {
    RunSummary summary;
    Curve loss{1000}, gradient_norm{1000}, tokens_per_second{1000}, share{1000};
    Curve learning_rate{300}, validation_loss{500}, bits_per_byte{500};
    Curve gap{500};  // validation loss - mean training loss of the last 20 steps, or since the last validation if fewer
    Curve trained{300}, seconds{300};  // totals up to a step
    std::vector<StepSample> samples;   // at most 80: the first, the last, and fewer of the older ones between
};

class HistoryReader {
 public:
    explicit HistoryReader(const std::filesystem::path& run) : run_(run) {}

    // Throws Error if metrics.jsonl cannot be read; timing.jsonl may be missing.
    void update();
    const RunHistory& history() const { return history_; }

 private:
    void add(const StepMetrics& metrics);
    void add(const StepTiming& timing);
    void add_sample(int64_t step, const TextSample& sample);

    std::filesystem::path run_;
    size_t metrics_bytes_ = 0, timing_bytes_ = 0;  // read so far
    int64_t timed_step_ = 0;
    std::deque<double> recent_losses_;
    RunHistory history_;
};

}  // namespace puna
