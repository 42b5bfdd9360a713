// train/report_page.h — the page of a training report: web/report.html with its styles and scripts, embedded by the
// build.
#pragma once
#include <string_view>

namespace puna {

extern const std::string_view report_page;

}  // namespace puna
