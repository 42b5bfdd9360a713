// train/report_run.h — a run as JSON, for its report (train/report.h).
#pragma once
#include "core/json_text.h"
#include "train/history.h"
#include "train/recipe.h"
#include "train/run_facts.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// interrupted: neither running nor ended by itself: it was killed.
enum class RunPhase { running, finished, stopped, failed, interrupted };
inline std::vector<std::string_view> enum_names(RunPhase) {
    return {"running", "finished", "stopped", "failed", "interrupted"};
}

class ReportRun {
 public:
    explicit ReportRun(const std::filesystem::path& folder) : folder_(folder), reader_(folder) {}

    // Reads what was added to the run's files. known_to_run: asked by the run itself, as locks may be unsupported by
    // the file system. Throws Error if there is no metrics.jsonl.
    void update(bool known_to_run);

    RunPhase phase() const { return phase_; }
    const RunSummary& summary() const { return reader_.history().summary; }
    const std::filesystem::path& folder() const { return folder_; }

    // Without private paths: of paths only the last component is shown.
    JsonObject json(const std::string& name) const;

 private:
    RunPhase find_phase() const;

    std::filesystem::path folder_;
    HistoryReader reader_;
    RunPhase phase_ = RunPhase::interrupted;
    std::optional<RunFacts> facts_;
    std::optional<Recipe> recipe_;
    std::vector<std::string> changes_;  // of the recipe during the run
};

// Whether a process is training in the folder: it holds the lock of its checkpoints (train/checkpoint.h).
bool is_training(const std::filesystem::path& run);

}  // namespace puna
