#include "core/overwrite.h"

#include "core/error.h"

#include <algorithm>
#include <system_error>

namespace puna {

namespace fs = std::filesystem;

void check_overwrite(const fs::path& path, const OutputKind& kind, bool force) {
    std::error_code absent, unreadable;
    fs::file_status status = fs::status(path, absent);
    if (!fs::is_regular_file(status) && !fs::is_directory(status)) return;
    bool is_empty = fs::is_empty(path, unreadable);
    if (is_empty && fs::is_directory(status)) return;
    if (!kind.is_one(path))
        fail("{}: already exists and is not {}; remove it, or choose another output", path.string(), kind.name);
    if (!force && !is_empty) fail(ErrorKind::exists, "{}: already exists", path.string());
}

bool contains_only(const fs::path& folder, bool (*belongs)(const fs::path& entry)) {
    std::error_code problem;
    fs::directory_iterator entries(folder, problem);
    return !problem &&
           std::all_of(begin(entries), end(entries), [&](const auto& entry) { return belongs(entry.path()); });
}

}  // namespace puna
