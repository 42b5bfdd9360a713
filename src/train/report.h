// train/report.h — report.html: the run as pictures (loss, learning rate, gradient norm, speed), in one file that needs no
// network and no script.
#pragma once
#include <filesystem>

namespace puna {

// Reads metrics.jsonl and timing.jsonl of the folder and writes report.html there.
void write_report(const std::filesystem::path& folder);

}  // namespace puna
