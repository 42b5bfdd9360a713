#include "train/report.h"

#include "core/atomic_file.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "train/card.h"
#include "train/report_page.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <string>
#include <string_view>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view run_marker = "@RUN@", title = "<title>training report</title>";

// For a <script> element: the same values without the character <, so that no string in it ends the element.
std::string json_for_html(std::string_view json) {
    std::string out;
    for (char c : json)  // in JSON, < occurs in strings only
        if (c == '<')
            out += "\\u003c";
        else
            out += c;
    return out;
}

// With as many parents as tell it from the others: my-model, or monday/my-model.
std::string name_among(const fs::path& folder, const std::vector<ReportRun>& runs) {
    auto same_name = [&](const ReportRun& run) { return public_name(run.folder()) == public_name(folder); };
    if (std::count_if(runs.begin(), runs.end(), same_name) == 1) return public_name(folder);
    return public_name(fs::absolute(folder).lexically_normal().parent_path()) + "/" + public_name(folder);
}

}  // namespace

Report::Report(const std::vector<fs::path>& runs, const fs::path& page)
    : page_(page), runs_(runs.begin(), runs.end()) {}

void Report::write(double seconds_to_next) {
    JsonList list;
    for (ReportRun& run : runs_) {
        run.update(runs_.size() == 1 && seconds_to_next > 0);
        list.add(run.json(name_among(run.folder(), runs_)));
    }
    JsonObject json{
        {"written", static_cast<int64_t>(std::time(nullptr))}, {"next", std::ceil(seconds_to_next)}, {"runs", list}};
    std::string page(report_page);
    page.replace(page.find(run_marker), run_marker.size(), json_for_html(json.text()));
    write_file(page_, page);
}

bool Report::is_live() const {
    return std::any_of(runs_.begin(), runs_.end(), [](const ReportRun& run) { return is_training(run.folder()); });
}

void write_report(const fs::path& run, double seconds_to_next) { Report(run).write(seconds_to_next); }

bool is_report(const fs::path& file) {
    if (!fs::is_regular_file(file)) return false;
    MappedFile page(file);
    return page.text().empty() || page.text().substr(0, 2000).find(title) != std::string_view::npos;
}

}  // namespace puna
