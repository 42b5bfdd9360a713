// train/run_folder.h — the output folder of a training run: its lock, logs, checkpoints, facts and report.
//
//   check_startable("my-model", {.resume = false});                 // on every rank; changes nothing
//   RunFolder folder("my-model");                                   // on rank 0: locks it
//   folder.begin(facts, state);                                     // writes run.json, cuts the logs to the checkpoint
//   folder.append(metrics, timing);
//   folder.end(RunEnd::finished);
//
// Throws Error if a file cannot be read or written: a disk failure stops a run. The last checkpoint remains.
#pragma once
#include "train/checkpoint.h"
#include "train/json_lines.h"
#include "train/metrics.h"
#include "train/recipe.h"
#include "train/report.h"
#include "train/run_facts.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

namespace puna {

struct StartMode {
    bool resume = false;
    bool force = false;  // replace the run in the folder
};

// Throws Error if a run cannot start or resume in this folder: nothing that exists is ever overwritten by a new run,
// except the files of an earlier run, by force.
void check_startable(const std::filesystem::path& output, const StartMode& mode);

// The recipe of the run in the folder, with its output there. Relative paths refer to the folder that it was started
// in. Throws Error if there is none.
Recipe read_run_recipe(const std::filesystem::path& output);

class RunFolder {
 public:
    explicit RunFolder(std::filesystem::path output);  // creates it

    std::filesystem::path checkpoints() const { return output_ / "checkpoints"; }
    void remove_run();  // all files of the run that it holds

    // The logs are cut to the state, what was left of killed runs is removed.
    void begin(RunFacts facts, RunState& state);
    void append(const StepMetrics& metrics, const StepTiming& timing);
    void sync_logs(RunState& state);  // before a checkpoint, which records their lengths
    void remove_model();  // of a finished run that goes on: its folder then stands for its newest checkpoint

    RunSummary summary() const;  // as of the last report, which begin() and end() write

    void write_report();         // now
    void write_report_if_due();  // after each step: at most every twenty seconds, and a small part of the time
    // Nothing is thrown for a run that failed: its problem is reported already.
    void end(RunEnd end, std::string_view problem = {});

 private:
    void write_facts() const;

    struct Logs {
        JsonLines metrics, timing;
    };

    std::filesystem::path output_;
    RunLock lock_;
    RunFacts facts_;
    std::unique_ptr<Logs> logs_;
    Report report_;
    double reported_at_ = 0, report_interval_ = 20, stepped_at_ = 0;  // in seconds
    std::optional<double> longest_step_;                              // with what is due after it
};

}  // namespace puna
