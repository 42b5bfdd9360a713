#include "model/checkpoint_folders.h"

#include "core/mapped_file.h"
#include "model/source.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

namespace puna {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view prefix = "step-";

}  // namespace

std::string checkpoint_name(int64_t step) { return fmt::format("{}{:08}", prefix, step); }

bool is_checkpoint_name(std::string_view name) {
    if (!name.starts_with(prefix)) return false;
    int64_t step = -1;
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), step);
    return step >= 0 && name == checkpoint_name(step);  // not another program's "step-1000"
}

std::vector<fs::path> complete_checkpoints(const fs::path& folder) {
    std::vector<fs::path> list;
    std::error_code problem;
    for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem)) {
        bool named = is_checkpoint_name(entry->path().filename().string());
        if (named && file_exists(entry->path() / checkpoint_manifest)) list.push_back(entry->path());
    }
    std::sort(list.rbegin(), list.rend());
    return list;
}

fs::path find_model(const fs::path& path) {
    if (is_model(path)) return path;
    std::vector<fs::path> checkpoints = complete_checkpoints(path / "checkpoints");
    return checkpoints.empty() ? path : checkpoints.front();
}

}  // namespace puna
