#include "data/bad_input.h"

#include "core/log.h"
#include "core/progress.h"

#include <vector>

namespace puna {

namespace {

constexpr int64_t max_logged = 20, max_totals = 20;

void count(SkippedInputs& skipped, BadInput::Extent extent) {
    ++(extent == BadInput::record ? skipped.records : extent == BadInput::line ? skipped.lines : skipped.files);
}

}  // namespace

void BadInputs::add(const BadInput& problem) {
    if (!skip_) throw problem;
    std::string message = message_(problem);
    if (skipped_.total() == 0) first_ = message;
    if (skipped_.total() < max_logged)
        log_warning("skipped{}: {}", problem.extent == BadInput::rest_of_file ? " the rest of the file" : "", message);
    else
        count(not_logged_[problem.path], problem.extent);
    count(skipped_, problem.extent);
}

void BadInputs::log_totals() const {
    int64_t files = 0;
    for (const auto& [path, skipped] : not_logged_)
        if (++files <= max_totals) log_warning("{}: also skipped {}", path, describe(skipped));
    if (files > max_totals) log_warning("and in {}", format_count(files - max_totals, "more file"));
}

void BadInputs::fail_if_any() const {
    if (skipped_.total() > 0)
        fail(ErrorKind::damaged, "nothing is left: {} skipped, the first one: {}", describe(skipped_), first_);
}

std::string describe(const SkippedInputs& skipped) {
    std::vector<std::string> parts;
    auto add = [&parts](int64_t n, const char* noun) {
        if (n > 0) parts.push_back(format_count(n, noun));
    };
    add(skipped.records, "document");
    add(skipped.lines, "line");
    add(skipped.files, "file");
    std::string text;
    for (size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
    return text;
}

}  // namespace puna
