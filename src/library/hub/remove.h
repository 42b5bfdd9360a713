// library/hub/remove.h — removes a model from the hub's cache.
//
//   Removal removal = plan_removal(HubCache(hub_cache_folder()), *parse_hub_name("owner/name:q8_0"));
//   fmt::print("{} bytes\n", removal.bytes);
//   remove_from_cache(removal);
//
// A name without a selector is the whole repository with all its commits. With one it is that GGUF file, in all
// commits; content that other files share stays. Links are removed, never followed: nothing outside the cache is
// touched.
#pragma once
#include "library/hub/cache.h"
#include "library/hub/name.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace puna {

struct Removal {
    std::filesystem::path repository;          // its folder in the cache
    std::vector<std::filesystem::path> paths;  // files, links and folders to remove, in this order
    int64_t bytes = 0;                         // that become free
};

// Throws Error of kind not_found if it is not in the cache, and of kind busy while a process pulls it.
Removal plan_removal(const HubCache& cache, const HubName& name);
void remove_from_cache(const Removal& removal);

}  // namespace puna
