#include "core/processors.h"

#include "core/cgroups.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <span>
#include <sstream>
#include <string>

namespace puna {

namespace {

namespace fs = std::filesystem;

// cgroup v2: "max 100000" or "150000 100000" (quota and period in microseconds). v1: the same in two files.
std::optional<double> quota_of_group(const fs::path& group, bool version2) {
    std::istringstream text(version2 ? read_system_file(group / "cpu.max")
                                     : read_system_file(group / "cpu.cfs_quota_us") + " " +
                                           read_system_file(group / "cpu.cfs_period_us"));
    double quota = 0, period = 0;
    if (!(text >> quota >> period) || quota <= 0 || period <= 0) return {};
    return quota / period;
}

std::optional<double> smallest_quota(std::span<const Cgroup> groups) {
    std::optional<double> smallest;
    for (const Cgroup& group : groups)
        if (std::optional<double> quota = quota_of_group(group.path, group.version2))
            smallest = std::min(*quota, smallest.value_or(*quota));
    return smallest;
}

// Physical cores of the logical processors in the mask; without topology information each counts as one.
int count_cores(const cpu_set_t& set) {
    std::set<std::string> cores;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &set)) continue;
        std::string siblings =
            read_system_file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
        cores.insert(siblings.empty() ? "cpu" + std::to_string(cpu) : siblings);
    }
    return static_cast<int>(cores.size());
}

}  // namespace

std::optional<double> cgroup_quota(std::string_view cgroup, std::string_view mountinfo, const fs::path& root) {
    return smallest_quota(find_cgroups("cpu", cgroup, mountinfo, root));
}

Processors usable_processors() {
    Processors found;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        found.logical = std::max(1, CPU_COUNT(&set));
        found.cores = std::max(1, count_cores(set));
    }
    found.quota = smallest_quota(own_cgroups("cpu"));
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
