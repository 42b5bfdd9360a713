// library/hub/pull.h — brings a model of the hub into the cache, or finds that it is there.
//
//   Hub hub(hub_settings());
//   PullResult result = pull(hub, *parse_hub_name("owner/name:q4_k_m"), {});
//   Engine engine = load_engine(result.path);
//
// A file that is in the cache, whoever put it there, is not fetched again. If the hub cannot be asked (no network, too
// many requests, HF_HUB_OFFLINE) and the cache has the whole model, that is the result. Processes that pull the same
// file at once do the work once. At any time the process may be killed: the next one goes on with what is there.
#pragma once
#include "library/hub/api.h"
#include "library/hub/cache.h"
#include "library/hub/fetch.h"
#include "library/hub/name.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace puna {

struct PullOptions {
    std::string revision = "main";
    FetchOptions fetch;
    // Called before the first file is fetched, with the bytes to come; then with the bytes that arrive, from several
    // threads, and with 0 about once a second. What they throw ends the pull.
    std::function<void(int64_t total)> on_begin = {};
    std::function<void(int64_t bytes)> on_bytes = {};
};

// What a pull would do.
struct PullPlan {
    HubName name;
    RepositoryInfo info;
    std::string entry;                  // ModelFiles::entry
    std::vector<RepositoryFile> files;  // of the model
    int64_t bytes = 0, bytes_to_fetch = 0;
};

struct PulledFile {
    RepositoryFile file;
    bool was_fetched = false;  // by this call
};

struct PullResult {
    std::string repository, revision, commit;
    std::filesystem::path path;  // the model: a snapshot's folder, or a file in it
    std::vector<PulledFile> files;
    bool is_from_cache = false;  // the hub was not asked
};

// Asks the hub; nothing is written. Throws Error, HubError where the hub refuses: in one line, with the remedy.
PullPlan plan_pull(Hub& hub, const HubName& name, std::string_view revision = "main");
PullResult pull(Hub& hub, const PullPlan& plan, const PullOptions& options);  // options.revision: of the plan

// Both, or what the cache has.
PullResult pull(Hub& hub, const HubName& name, const PullOptions& options);

// The model of this name in the cache, if all its files are there; of its default commit without a revision.
std::optional<PullResult> find_cached(const HubCache& cache, const HubName& name, std::string_view revision = {});

}  // namespace puna
