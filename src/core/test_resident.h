// core/test_resident.h — for tests: how much of a mapped file is in this process's memory.
//
//   EXPECT_LT(resident_bytes_of("model.safetensors"), 4096);
#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace puna {

// Of all its mappings, in bytes. Source: proc(5), smaps.
inline int64_t resident_bytes_of(const std::filesystem::path& path) {
    std::ifstream maps("/proc/self/smaps");
    int64_t bytes = 0;
    bool is_it = false;
    for (std::string line; std::getline(maps, line);) {
        std::istringstream words(line);
        std::string name;
        int64_t kilobytes = 0;
        words >> name;
        if (!name.ends_with(':'))  // the first line of a mapping ends with its path
            is_it = line.ends_with(" " + path.string());
        else if (is_it && name == "Rss:" && words >> kilobytes)
            bytes += kilobytes * 1024;
    }
    return bytes;
}

}  // namespace puna
