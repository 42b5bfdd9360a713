// core/processors.h — the number of processors available to this process.
//
//   Processors available = usable_processors();
//   int n = default_threads(available);
//
// Considers the scheduling affinity, the core topology and the CPU quota of the process's cgroup and its visible
// ancestors (v1 and v2), which limits containers.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace puna {

struct Processors {
    int logical = 1;              // in the affinity mask
    int cores = 1;                // physical cores of those
    std::optional<double> quota;  // cgroup CPU quota in processors; empty: no limit
};

Processors usable_processors();

std::string processor_name();  // the CPU's model name, of /proc/cpuinfo; empty if unknown

// One thread per physical core, limited by the quota rounded to the nearest integer; at least 1.
int default_threads(const Processors& processors);

// Whether n threads exceed the logical processors or the quota, so that spinning would slow down threads with work.
bool is_oversubscribed(const Processors& processors, int n);

// The smallest quota of the cgroups named by the contents of /proc/self/cgroup and /proc/self/mountinfo. Mount points
// are taken relative to `root`; unreadable files set no limit. Source: Linux, cgroup-v2.rst and sched-bwc.rst.
std::optional<double> cgroup_quota(std::string_view cgroup, std::string_view mountinfo,
                                   const std::filesystem::path& root = "/");

}  // namespace puna
