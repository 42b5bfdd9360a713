// train/report.h — report.html: a run's metrics and plots (loss, learning rate, gradient norm, speed) in one
// self-contained file without scripts, with light and dark themes.
#pragma once
#include <filesystem>

namespace puna {

// Reads metrics.jsonl, timing.jsonl and the recipe of the newest checkpoint, if there is one, and writes report.html to
// the folder. Throws Error if a file cannot be read or written.
void write_report(const std::filesystem::path& folder);

}  // namespace puna
