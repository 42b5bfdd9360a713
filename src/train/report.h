// train/report.h — report.html: how a run goes, in numbers and pictures (loss, learning rate, gradient norm, speed), in
// one file that needs no network and no script, for light and dark screens.
#pragma once
#include <filesystem>

namespace puna {

// Reads metrics.jsonl and timing.jsonl of the folder, the recipe in its newest checkpoint where there is one, and
// writes report.html there. Throws Error where a file cannot be read or written: no reason to end a run.
void write_report(const std::filesystem::path& folder);

}  // namespace puna
