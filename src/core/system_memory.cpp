#include "core/system_memory.h"

#include "core/cgroups.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr int64_t unlimited = std::numeric_limits<int64_t>::max();

// The number after a name, as "MemAvailable: 123 kB" or "inactive_file 456"; of a file with one number, without a name.
std::optional<int64_t> number_in(const fs::path& path, std::string_view name = {}) {
    std::ifstream file(path);
    std::string word;
    int64_t value = 0;
    try {
        file.exceptions(std::ios::badbit);  // lack of memory is thrown, too: it is not a missing number
        if (name.empty()) return file >> value ? std::optional(value) : std::nullopt;
        while (file >> word)
            if (word == name && file >> value) return value;
    } catch (const std::ios::failure&) {  // unreadable
    }
    return {};
}

// What is left of a limit. Pages of files are given up first, as MemAvailable counts them.
int64_t left_of(const fs::path& group, const char* limit, const char* usage, const char* inactive, const char* active) {
    std::optional<int64_t> most = number_in(group / limit), used = number_in(group / usage);
    if (!most || !used) return unlimited;
    fs::path stat = group / "memory.stat";
    int64_t reclaimable = number_in(stat, inactive).value_or(0) + number_in(stat, active).value_or(0);
    return std::max<int64_t>(0, *most - std::max<int64_t>(0, *used - reclaimable));
}

int64_t left_in(const Cgroup& group) {
    if (!group.version2)
        return left_of(group.path, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file",
                       "total_active_file");
    return std::min(left_of(group.path, "memory.max", "memory.current", "inactive_file", "active_file"),
                    left_of(group.path, "memory.high", "memory.current", "inactive_file", "active_file"));
}

}  // namespace

int64_t available_memory(const fs::path& root) {
    std::optional<int64_t> kilobytes = number_in(root / "proc/meminfo", "MemAvailable:");
    int64_t available = kilobytes ? *kilobytes * 1024 : unlimited;
    for (const Cgroup& group : own_cgroups("memory", root)) available = std::min(available, left_in(group));
    return available;
}

int64_t resident_memory() {
    std::ifstream file("/proc/self/statm");
    int64_t size = 0, resident = 0;
    return file >> size >> resident ? resident * sysconf(_SC_PAGESIZE) : 0;
}

}  // namespace puna
