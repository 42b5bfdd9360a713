// core/system_memory.h — memory of the machine and of this process, in bytes.
//
//   if (needed > available_memory()) fail("needs {} bytes, {} are available", needed, available_memory());
#pragma once
#include <cstdint>
#include <filesystem>

namespace puna {

// What can be allocated without swapping: free memory and caches of files, within the limits of the process's cgroup
// and its visible ancestors (v1 and v2), which are those of its first call. Unreadable files set no limit. Allocates
// nothing itself after that call. Source: Linux, proc.rst, cgroup-v1/memory.rst and cgroup-v2.rst.
int64_t available_memory();
int64_t available_memory(const std::filesystem::path& root);  // of the files below it

int64_t resident_memory();  // of this process, mapped files included; 0 if unknown

}  // namespace puna
