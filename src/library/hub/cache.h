// library/hub/cache.h — the cache of downloaded models, as huggingface_hub, huggingface.js, hf-hub and llama.cpp lay it
// out: what they have downloaded is found here, and the other way around.
//
//   HubCache cache(settings.cache);
//   CachedRepository repository = cache.repository("owner/name");
//   if (std::optional<std::string> commit = repository.commit_of("main"))
//       open(repository.snapshot(*commit) / "config.json");
//
//  models--owner--name/blobs/ID                    content, named by its digest (library/hub/digest.h)
//  models--owner--name/snapshots/COMMIT/PATH       relative link to ../../blobs/ID
//  models--owner--name/refs/NAME                   the commit of a branch or tag: 40 digits and no newline
//  models--owner--name/.no_exist/COMMIT/PATH       empty: the commit has no such file
//  .locks/models--owner--name/ID.lock              locked by who writes the blob
//
// A blob that exists is complete and trusted; a ref is written after its snapshot, since scanners take one that leads
// nowhere for damage. On a file system without links a snapshot holds the files themselves. The parts of a file that
// is being downloaded are in blobs/ID.puna.incomplete (library/hub/partial.h): other tools append to ID.incomplete and
// take its length for its progress. Source: huggingface/hub-docs, local-cache.md.
#pragma once
#include "library/hub/digest.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct CachedFile {
    std::string path;  // in the repository
    int64_t bytes = 0;
};

// Names are those of a hub: unsafe ones (library/hub/name.h) are an Error.
class CachedRepository {
 public:
    CachedRepository(const std::filesystem::path& cache, std::string_view name);

    const std::string& name() const { return name_; }
    const std::filesystem::path& folder() const { return folder_; }
    std::filesystem::path snapshot(std::string_view commit) const;
    std::filesystem::path blob(const ContentId& id) const;
    std::filesystem::path lock(const ContentId& id) const;

    std::vector<std::string> refs() const;                                  // by name, with those in folders
    std::vector<std::string> snapshots() const;                             // commits
    std::optional<std::string> commit_of(std::string_view revision) const;  // of a ref, or the commit itself
    // The commit that a model's name stands for: of main, else of the first other branch or tag, else the only one.
    std::optional<std::string> default_commit() const;
    std::vector<CachedFile> files(std::string_view commit) const;  // sorted; without links that lead nowhere
    int64_t bytes() const;                                         // on disk, each blob once

    void write_ref(std::string_view revision, std::string_view commit) const;
    // Puts a blob into a snapshot. is_new: it was just downloaded, and may be moved where links do not work.
    void link(std::string_view commit, std::string_view path, const ContentId& id, bool is_new) const;
    void note_missing(std::string_view commit, std::string_view path) const;  // .no_exist
    bool is_missing(std::string_view commit, std::string_view path) const;
    // Its folders, without what processes of ours left that were killed. refs is there even if nothing is in it:
    // scanners want it.
    void create() const;

 private:
    std::string name_;
    std::filesystem::path folder_, locks_;
};

class HubCache {
 public:
    explicit HubCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

    const std::filesystem::path& folder() const { return folder_; }
    CachedRepository repository(std::string_view name) const { return CachedRepository(folder_, name); }
    std::vector<std::string> repositories() const;  // names, sorted; none without a cache
    void create() const;                            // the folder, marked for backups as a cache (CACHEDIR.TAG)

 private:
    std::filesystem::path folder_;
};

}  // namespace puna
