#include "library/hub/remove.h"

#include "core/error.h"
#include "library/hub/choose_files.h"
#include "library/hub/claim.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

int64_t bytes_on_disk(const fs::path& path) {
    struct stat status;
    return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) ? status.st_blocks * 512 : 0;
}

void check_idle(const HubCache& cache, const HubName& name) {
    fs::path locks = cache.folder() / ".locks" / repository_folder(name.repository);
    std::error_code problem;
    for (fs::directory_iterator entry(locks, problem), end; !problem && entry != end; entry.increment(problem))
        if (entry->path().extension() == ".lock" && is_claimed(entry->path()))
            fail(ErrorKind::busy, "{}: another process downloads it just now", name.text());
}

// Files of all commits, as links or as themselves.
std::vector<fs::path> snapshot_files(const CachedRepository& repository, const HubName& name) {
    std::vector<fs::path> chosen;
    for (const std::string& commit : repository.snapshots()) {
        std::vector<std::string> paths;
        for (const CachedFile& file : repository.files(commit)) paths.push_back(file.path);
        try {
            ModelFiles model = choose_files(paths, name.repository, name.selector);
            for (const std::string& path : split_set(paths, model.entry))
                chosen.push_back(repository.snapshot(commit) / path);
        } catch (const Error&) {  // this commit does not have it
        }
    }
    return chosen;
}

bool leaves_only_cards(const CachedRepository& repository, const std::vector<fs::path>& removed) {
    for (const std::string& commit : repository.snapshots())
        for (const CachedFile& file : repository.files(commit)) {
            bool stays =
                std::find(removed.begin(), removed.end(), repository.snapshot(commit) / file.path) == removed.end();
            if (stays && file.path != "README.md") return false;
        }
    return true;
}

// Blobs that only these links lead to.
std::vector<fs::path> blobs_of(const CachedRepository& repository, const std::vector<fs::path>& links) {
    std::set<fs::path> wanted, kept;
    auto blob_of = [](const fs::path& link) {
        std::error_code problem;
        return fs::is_symlink(link, problem) ? fs::canonical(link, problem) : fs::path();
    };
    for (const fs::path& link : links)
        if (fs::path blob = blob_of(link); !blob.empty()) wanted.insert(blob);
    for (const std::string& commit : repository.snapshots())
        for (const CachedFile& file : repository.files(commit)) {
            fs::path link = repository.snapshot(commit) / file.path;
            if (std::find(links.begin(), links.end(), link) == links.end()) kept.insert(blob_of(link));
        }
    fs::path blobs = fs::weakly_canonical(repository.folder() / "blobs");
    std::vector<fs::path> only;
    for (const fs::path& blob : wanted)
        if (!kept.contains(blob) && blob.parent_path() == blobs) only.push_back(blob);
    return only;
}

}  // namespace

Removal plan_removal(const HubCache& cache, const HubName& name) {
    CachedRepository repository = cache.repository(name.repository);
    std::error_code problem;
    if (!fs::is_directory(repository.folder(), problem))
        fail(ErrorKind::not_found, "{}: is not in {}", name.repository, cache.folder().string());
    check_idle(cache, name);
    fs::path locks = cache.folder() / ".locks" / repository_folder(name.repository);
    Removal removal{repository.folder(), {repository.folder(), locks}, repository.bytes()};
    if (name.selector.empty()) return removal;
    std::vector<fs::path> files = snapshot_files(repository, name);
    if (files.empty()) fail(ErrorKind::not_found, "{}: has no '{}' here", name.repository, printable(name.selector));
    if (leaves_only_cards(repository, files)) return removal;
    removal.paths = std::move(files);
    for (fs::path& blob : blobs_of(repository, removal.paths)) removal.paths.push_back(std::move(blob));
    removal.bytes = 0;
    for (const fs::path& path : removal.paths) removal.bytes += bytes_on_disk(path);
    return removal;
}

void remove_from_cache(const Removal& removal) {
    for (const fs::path& path : removal.paths) {
        std::error_code problem;
        fs::remove_all(path, problem);
        if (problem) fail("{}: cannot be removed: {}", path.string(), problem.message());
    }
}

}  // namespace puna
