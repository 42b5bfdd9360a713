#include "core/processors.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace puna {

namespace {

namespace fs = std::filesystem;

std::string read_all(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<std::string> words_of(const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

template <class Line>
void for_each_line(std::string_view text, Line f) {
    std::istringstream stream{std::string(text)};
    for (std::string line; std::getline(stream, line);) f(line);
}

bool has_item(const std::string& list, std::string_view item) {
    return ("," + list + ",").find("," + std::string(item) + ",") != std::string::npos;
}

// A mounted cgroup hierarchy: its mount point and the cgroup that is visible there as the root.
struct Mount {
    fs::path root, point;
};

// Line format: id parent device ROOT POINT options [fields...] - TYPE source SUPER_OPTIONS
std::optional<Mount> find_mount(std::string_view mountinfo, bool version2) {
    std::optional<Mount> found;
    for_each_line(mountinfo, [&](const std::string& line) {
        std::vector<std::string> words = words_of(line);
        auto dash = std::find(words.begin(), words.end(), "-");
        if (words.size() < 6 || words.end() - dash < 4) return;
        bool matches = version2 ? dash[1] == "cgroup2" : dash[1] == "cgroup" && has_item(dash[3], "cpu");
        if (matches && !found) found = Mount{words[3], words[4]};
    });
    return found;
}

// cgroup v2: "max 100000" or "150000 100000" (quota and period in microseconds). v1: the same in two files.
std::optional<double> quota_of_group(const fs::path& group, bool version2) {
    std::istringstream text(version2
                                ? read_all(group / "cpu.max")
                                : read_all(group / "cpu.cfs_quota_us") + " " + read_all(group / "cpu.cfs_period_us"));
    double quota = 0, period = 0;
    if (!(text >> quota >> period) || quota <= 0 || period <= 0) return {};
    return quota / period;
}

// Over the cgroup and its ancestors visible in the mount.
std::optional<double> smallest_quota(const Mount& mount, const fs::path& group, bool version2, const fs::path& root) {
    fs::path inside = group.lexically_relative(mount.root);
    if (inside.empty() || *inside.begin() == "..") inside = ".";
    std::optional<double> smallest;
    for (fs::path path = inside;; path = path.parent_path()) {
        std::optional<double> quota = quota_of_group(root / mount.point.relative_path() / path, version2);
        if (quota) smallest = std::min(*quota, smallest.value_or(*quota));
        if (path.empty() || path == ".") return smallest;
    }
}

// Physical cores of the logical processors in the mask; without topology information each counts as one.
int count_cores(const cpu_set_t& set) {
    std::set<std::string> cores;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &set)) continue;
        std::string siblings =
            read_all("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
        cores.insert(siblings.empty() ? "cpu" + std::to_string(cpu) : siblings);
    }
    return static_cast<int>(cores.size());
}

}  // namespace

std::optional<double> cgroup_quota(std::string_view cgroup, std::string_view mountinfo, const fs::path& root) {
    std::optional<double> smallest;
    for_each_line(cgroup, [&](const std::string& line) {  // v2: "0::/path", v1: "4:cpu,cpuacct:/path"
        size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == line.npos || second == line.npos) return;
        std::string controllers = line.substr(first + 1, second - first - 1);
        bool version2 = controllers.empty();
        if (!version2 && !has_item(controllers, "cpu")) return;
        std::optional<Mount> mount = find_mount(mountinfo, version2);
        if (!mount) return;
        std::optional<double> quota = smallest_quota(*mount, line.substr(second + 1), version2, root);
        if (quota) smallest = std::min(*quota, smallest.value_or(*quota));
    });
    return smallest;
}

Processors usable_processors() {
    Processors found;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        found.logical = std::max(1, CPU_COUNT(&set));
        found.cores = std::max(1, count_cores(set));
    }
    found.quota = cgroup_quota(read_all("/proc/self/cgroup"), read_all("/proc/self/mountinfo"));
    return found;
}

std::string processor_name() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name") && line.find(": ") != line.npos) return line.substr(line.find(": ") + 2);
    return "";
}

int default_threads(const Processors& processors) {
    if (!processors.quota) return processors.cores;
    return std::clamp(static_cast<int>(std::lround(std::min(*processors.quota, 1e6))), 1, processors.cores);
}

bool is_oversubscribed(const Processors& processors, int n) {
    return n > processors.logical || (processors.quota && n > *processors.quota);
}

}  // namespace puna
