#include "core/system_memory.h"

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

// The rest of a cgroup's limit; its inactive file pages are reclaimed first.
int64_t left_in_group(const fs::path& group, const char* limit, const char* usage, const char* reclaimable) {
    std::optional<int64_t> most = number_in(group / limit), used = number_in(group / usage);
    if (!most || !used) return unlimited;
    return std::max<int64_t>(0, *most - *used + number_in(group / "memory.stat", reclaimable).value_or(0));
}

}  // namespace

int64_t available_memory(const fs::path& root) {
    std::optional<int64_t> kilobytes = number_in(root / "proc/meminfo", "MemAvailable:");
    fs::path groups = root / "sys/fs/cgroup";
    return std::min(
        {kilobytes ? *kilobytes * 1024 : unlimited,
         left_in_group(groups, "memory.max", "memory.current", "inactive_file"),
         left_in_group(groups / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")});
}

int64_t resident_memory() {
    std::ifstream file("/proc/self/statm");
    int64_t size = 0, resident = 0;
    return file >> size >> resident ? resident * sysconf(_SC_PAGESIZE) : 0;
}

}  // namespace puna
