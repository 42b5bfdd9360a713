#include "train/report.h"

#include "cli/command.h"
#include "cli/flags.h"
#include "cli/stop_signals.h"
#include "core/console.h"
#include "core/error.h"
#include "core/fields.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "core/overwrite.h"
#include "core/progress.h"

#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <filesystem>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr double watch_seconds = 10;
constexpr double trainer_seconds = 60;  // a running training rewrites its own report at least this often

struct ReportOptions {
    std::string output;
    bool force = false, watch = false;
};
template <class F>
void fields(ReportOptions& o, F field) {
    field("output", o.output, "page to write",
          {.word = "FILE", .unset = "report.html in the run's folder; for several runs in the current folder"});
    field("force", o.force, force_help);
    field("watch", o.watch, "rewrite the page every ten seconds while one of the runs is training");
}

std::vector<fs::path> find_runs(const std::vector<std::string>& arguments) {
    std::vector<fs::path> runs;
    for (const std::string& argument : arguments) {
        fs::path run = argument;
        if (!file_exists(run)) fail(ErrorKind::not_found, "{}: no such folder", argument);
        if (!file_exists(run / "metrics.jsonl"))
            fail(ErrorKind::not_found, "{}: contains no metrics.jsonl, so it is not the folder of a training run",
                 argument);
        auto is_same = [&](const fs::path& other) { return fs::equivalent(run, other); };
        if (std::any_of(runs.begin(), runs.end(), is_same)) throw UsageError(argument + " is given twice");
        runs.push_back(run);
    }
    return runs;
}

// Returns early on Ctrl-C.
void wait(double seconds) {
    for (double end = seconds_now() + seconds; !stop_signal() && seconds_now() < end;) ::poll(nullptr, 0, 100);
}

void print_result(const Report& report, const std::string& page, bool json) {
    JsonList list;
    for (const ReportRun& run : report.runs())
        list.add(JsonObject{{"run", run.folder().string()},
                            {"phase", enum_name(run.phase())},
                            {"steps", run.summary().steps},
                            {"loss", run.summary().loss.mean()},
                            {"validation_loss", run.summary().validation_loss},
                            {"bits_per_byte", run.summary().bits_per_byte}});
    if (json)
        fmt::print("{}\n", JsonObject{{"output", page}, {"runs", list}}.text());
    else
        print_status("{}: {}; open it in a browser\n", page,
                     format_count(static_cast<int64_t>(report.runs().size()), "run"));
}

}  // namespace

int run_report(Arguments arguments) {
    std::vector<std::string> names;
    ReportOptions options;
    Flags flags(
        "report",
        "Write a page that shows a training run, or compares several: plots, samples, settings and speed, in one "
        "HTML file that loads nothing.",
        "puna report my-model\n"
        "puna report my-model my-assistant --output compare.html");
    flags.positional("RUN", names, "folder of a training run, running or not");
    flags.add(list_fields(options));
    flags.add_json("print the page's path and each run's last values as JSON");
    if (!flags.parse(arguments)) return 0;
    std::vector<fs::path> runs = find_runs(names);
    bool own_page = runs.size() == 1 && options.output.empty();
    fs::path page = own_page                 ? runs[0] / "report.html"
                    : options.output.empty() ? fs::path("report.html")
                                             : fs::path(options.output);
    check_overwrite(page, {"a report", is_report}, own_page || options.force);
    Report report(runs, page);
    if (options.watch) catch_stop_signals("");
    if (options.watch && report.is_live())
        print_status("{}: rewritten every {} seconds while a run is training; Ctrl-C ends it\n", page.string(),
                     watch_seconds);
    while (options.watch && report.is_live() && !stop_signal()) {
        report.write(watch_seconds);
        wait(watch_seconds);
    }
    report.write(own_page && report.is_live() ? trainer_seconds : 0);
    print_result(report, page.string(), flags.json());
    return 0;
}

}  // namespace puna
