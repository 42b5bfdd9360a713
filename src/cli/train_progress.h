// cli/train_progress.h — what puna train prints: the run's facts, a status line, samples, and at the end what is next.
//
//   TrainProgress progress;
//   progress.start(start);                       // hooks of train/trainer.h
//   progress.show(report);
//   progress.finish(result);
//
// On standard error. The status line is redrawn in place on a terminal, elsewhere printed every ten seconds and at
// validations. Its loss is a moving average, its speed the mean since the last line.
#pragma once
#include "train/trainer.h"

#include <chrono>
#include <string>

namespace puna {

class TrainProgress {
 public:
    TrainProgress();
    ~TrainProgress();
    TrainProgress(const TrainProgress&) = delete;

    void start(const TrainStart& start);
    void show(const TrainReport& report);
    void finish(const TrainResult& result);

 private:
    using Clock = std::chrono::steady_clock;
    void add(const TrainReport& report);
    std::string line(const TrainReport& report) const;
    void end_line();

    bool terminal_, drawn_ = false;
    std::string output_;
    bool conversations_ = false;
    int processes_ = 1;
    Clock::time_point drawn_at_;
    double seconds_ = 0, tokens_ = 0;  // since the last line
};

}  // namespace puna
