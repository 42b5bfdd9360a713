// core/cgroups.h — the cgroups whose limits apply to this process.
//
//   for (const Cgroup& group : own_cgroups("memory")) limit = std::min(limit, limit_of(group.path, group.version2));
//
// Both versions may be mounted at once, and which of them has a controller differs between systems. Source: Linux,
// cgroup-v1/cgroups.rst, cgroup-v2.rst and proc_pid_mountinfo(5).
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct Cgroup {
    std::filesystem::path path;  // its folder
    bool version2 = false;       // any controllers, which its files tell; version 1: the one asked for
};

// Of the process and of its visible ancestors, the own one first in each version. Files are read relative to `root`.
std::vector<Cgroup> own_cgroups(std::string_view controller, const std::filesystem::path& root = "/");

// The same by the contents of /proc/self/cgroup and /proc/self/mountinfo.
std::vector<Cgroup> find_cgroups(std::string_view controller, std::string_view cgroup, std::string_view mountinfo,
                                 const std::filesystem::path& root = "/");

// A file of /proc or /sys, which has no size before it is read; empty if it cannot be read.
std::string read_system_file(const std::filesystem::path& path);

}  // namespace puna
