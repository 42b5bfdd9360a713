// core/processors.h — how many processors this process may use.
//
//   Processors here = usable_processors();
//   int n = default_threads(here);
//
// Asks the scheduling affinity, the topology of the cores and the CPU quota of the process's cgroup (version 1 or 2,
// and of every group above it that can be seen), as containers are limited by.
#pragma once
#include <filesystem>
#include <optional>
#include <string_view>

namespace puna {

struct Processors {
    int logical = 1;              // in the affinity mask
    int cores = 1;                // physical cores that those belong to
    std::optional<double> quota;  // processors' worth of time that the cgroup may take; none: no limit
};

Processors usable_processors();

// One thread a physical core, but no more than the quota, rounded to the nearest number, can keep running.
int default_threads(const Processors& processors);

// Would n threads that wait by spinning take processors or quota from others that have work?
bool is_throttled(const Processors& processors, int n);

// The smallest quota of the cgroups that the texts of /proc/self/cgroup and /proc/self/mountinfo name, with the files
// of cgroups below `root`; what cannot be read sets no limit. Source: Linux, cgroup-v2.rst and sched-bwc.rst.
std::optional<double> cgroup_quota(std::string_view cgroup, std::string_view mountinfo,
                                   const std::filesystem::path& root = "/");

}  // namespace puna
