// train/report.h — report.html: runs as one self-contained page, with plots, samples and facts.
//
//   Report report("my-model");                        // my-model/report.html
//   report.write(20);                                 // again in about 20 seconds: reads only what was added
//   report.write(0);                                  // the run has ended
//
//   Report({"run-a", "run-b"}, "report.html").write(0);    // compares runs
//
// A page that is to be written again reloads itself, and says so if that does not happen: the run was killed. Collects
// the runs as JSON (train/report_run.h); web/report.html shows them. Reads metrics.jsonl, timing.jsonl, checkpoints/
// run.json (train/run_facts.h) and the recipe of the newest checkpoint, of which all but the first may be missing.
#pragma once
#include "train/report_run.h"

#include <filesystem>
#include <vector>

namespace puna {

class Report {
 public:
    explicit Report(const std::filesystem::path& run) : Report({run}, run / "report.html") {}
    Report(const std::vector<std::filesystem::path>& runs, const std::filesystem::path& page);

    // seconds_to_next: until the page will be written again; 0: it will not. Throws Error if a file cannot be read or
    // written.
    void write(double seconds_to_next);

    bool is_live() const;  // whether one of the runs is training now
    const std::vector<ReportRun>& runs() const { return runs_; }

 private:
    std::filesystem::path page_;
    std::vector<ReportRun> runs_;
};

void write_report(const std::filesystem::path& run, double seconds_to_next);  // Report in one call

bool is_report(const std::filesystem::path& file);  // a page that Report wrote, or an empty file

}  // namespace puna
