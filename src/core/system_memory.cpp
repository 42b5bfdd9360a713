#include "core/system_memory.h"

#include "core/cgroups.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr int64_t unlimited = std::numeric_limits<int64_t>::max();

// The number after a name, as "MemAvailable: 123 kB" or "inactive_file 456"; of a file with one number, without a name.
std::optional<int64_t> number_in(const std::string& path, std::string_view name = {}) {
    std::array<char, 16384> buffer;
    int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return {};
    ssize_t size = ::read(file, buffer.data(), buffer.size());
    ::close(file);
    std::string_view text(buffer.data(), static_cast<size_t>(std::max<ssize_t>(size, 0)));
    if (!name.empty()) {
        size_t at = text.starts_with(name) ? 0 : text.find(name);
        while (at != text.npos && at > 0 && text[at - 1] != '\n') at = text.find(name, at + 1);
        if (at == text.npos) return {};
        text.remove_prefix(at + name.size());
    }
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    int64_t value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc()) return {};
    return value;
}

// What is known of a limit: the names of files, and of lines in the last one.
struct Limit {
    std::string most, used, stat;
    std::string_view inactive, active;
};

// Pages of files are given up first, as MemAvailable counts them.
int64_t left_of(const Limit& limit) {
    std::optional<int64_t> most = number_in(limit.most), used = number_in(limit.used);
    if (!most || !used) return unlimited;
    int64_t reclaimable =
        number_in(limit.stat, limit.inactive).value_or(0) + number_in(limit.stat, limit.active).value_or(0);
    return std::max<int64_t>(0, *most - std::max<int64_t>(0, *used - reclaimable));
}

std::vector<Limit> limits_in(const Cgroup& group) {
    auto file = [&](const char* name) { return (group.path / name).string(); };
    std::string stat = file("memory.stat");
    if (!group.version2)
        return {{file("memory.limit_in_bytes"), file("memory.usage_in_bytes"), stat, "total_inactive_file ",
                 "total_active_file "}};
    return {{file("memory.max"), file("memory.current"), stat, "inactive_file ", "active_file "},
            {file("memory.high"), file("memory.current"), stat, "inactive_file ", "active_file "}};
}

// The files are found once: reading them takes no memory then, and a step of an engine may run out of it.
class MemoryFiles {
 public:
    explicit MemoryFiles(const fs::path& root) : meminfo_((root / "proc/meminfo").string()) {
        for (const Cgroup& group : own_cgroups("memory", root))
            for (Limit& limit : limits_in(group)) limits_.push_back(std::move(limit));
    }

    int64_t available() const {
        std::optional<int64_t> kilobytes = number_in(meminfo_, "MemAvailable:");
        int64_t available = kilobytes ? *kilobytes * 1024 : unlimited;
        for (const Limit& limit : limits_) available = std::min(available, left_of(limit));
        return available;
    }

 private:
    std::string meminfo_;
    std::vector<Limit> limits_;
};

}  // namespace

int64_t available_memory() {
    static const MemoryFiles files("/");
    return files.available();
}

int64_t available_memory(const fs::path& root) { return MemoryFiles(root).available(); }

int64_t resident_memory() {
    std::ifstream file("/proc/self/statm");
    int64_t size = 0, resident = 0;
    return file >> size >> resident ? resident * sysconf(_SC_PAGESIZE) : 0;
}

}  // namespace puna
