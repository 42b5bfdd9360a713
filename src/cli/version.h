// cli/version.h — what this program was built from, and with what.
//
//   std::string name = "puna " + version_name();
#pragma once
#include <string>
#include <string_view>

namespace puna {

// Of the last build: "bdf2949713", with "-dirty" if files differed from it; "unknown" for sources without a repository.
extern const std::string_view commit;
extern const std::string_view commit_date;  // "2026-11-27"; empty if unknown

std::string version_name();  // "0.1.0 (bdf2949713)"

}  // namespace puna
