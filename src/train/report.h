// train/report.h — report.html: a run's metrics, plots (loss, learning rate, gradient norm, speed) and recipe in one
// self-contained page.
//
//   write_report("my-model", "avx2");
//
// Collects the run as JSON; how it is shown is web/report.html's matter.
#pragma once
#include <filesystem>
#include <string_view>

namespace puna {

// Reads metrics.jsonl, timing.jsonl and the recipe of the newest checkpoint, if there is one, and writes report.html to
// the folder. kernels: the full name of the table that trained. Throws Error if a file cannot be read or written.
void write_report(const std::filesystem::path& folder, std::string_view kernels);

}  // namespace puna
