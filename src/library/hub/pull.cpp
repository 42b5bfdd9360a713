#include "library/hub/pull.h"

#include "core/log.h"
#include "core/progress.h"
#include "library/hub/choose_files.h"
#include "library/hub/claim.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <set>
#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr int64_t spare_bytes = 16 << 20;  // for folders, links and the notes beside a file
constexpr double touch_seconds = 5;

fs::path model_path(const CachedRepository& repository, std::string_view commit, std::string_view entry) {
    fs::path snapshot = repository.snapshot(commit);
    return entry.empty() ? snapshot : snapshot / entry;
}

std::vector<std::string> paths_of(const auto& files) {
    std::vector<std::string> paths;
    for (const auto& file : files) paths.push_back(file.path);
    return paths;
}

bool has_size(const fs::path& path, int64_t bytes) {
    std::error_code problem;
    return fs::is_regular_file(path, problem) && fs::file_size(path, problem) == static_cast<uintmax_t>(bytes);
}

// Whether a file need not be fetched: it is in the snapshot, or its content is.
bool is_present(const CachedRepository& repository, std::string_view commit, const RepositoryFile& file) {
    return has_size(repository.snapshot(commit) / file.path, file.bytes);
}
bool has_blob(const CachedRepository& repository, const RepositoryFile& file) {
    return has_size(repository.blob(file.id), file.bytes);
}

ModelFiles choose(const CachedRepository& repository, const std::vector<RepositoryFile>& listed, const HubName& name,
                  std::string_view commit) {
    try {
        return choose_files(paths_of(listed), name.repository, name.selector);
    } catch (const Error&) {
        bool is_file = name.selector.find('.') != std::string::npos;
        if (is_file && fs::is_directory(repository.folder()))  // so that other tools need not ask again
            repository.note_missing(commit, name.selector);
        throw;
    }
}

// Files are fetched only if all of them fit.
void check_space(const PullPlan& plan, const CachedRepository& repository, const fs::path& cache) {
    int64_t needed = 0;
    for (const RepositoryFile& file : plan.files)
        if (!is_present(repository, plan.info.commit, file) && !has_blob(repository, file))
            needed += std::max<int64_t>(file.bytes - PartialFile::allocated(repository.blob(file.id)), 0);
    struct statvfs disk;
    if (::statvfs(cache.c_str(), &disk) != 0) fail_errno(errno, "{}: cannot be examined", cache.string());
    int64_t free = static_cast<int64_t>(disk.f_bavail) * static_cast<int64_t>(disk.f_frsize);
    if (needed <= free - spare_bytes) return;
    fail(ErrorKind::too_large,
         "{}: {} and {} to spare are needed and {} are free in {}: free some space, or choose another disk with "
         "HF_HUB_CACHE",
         plan.name.text(), format_quantity(static_cast<double>(needed), "B"),
         format_quantity(static_cast<double>(spare_bytes), "B"), format_quantity(static_cast<double>(free), "B"),
         cache.string());
}

class Pull {
 public:
    Pull(Hub& hub, const PullPlan& plan, const PullOptions& options)
        : plan_(plan),
          options_(options),
          repository_(HubCache(hub.settings().cache).repository(plan.name.repository)),
          fetcher_(hub, options.fetch) {}

    PullResult run() {
        PullResult result{plan_.name.repository, options_.revision, plan_.info.commit,
                          model_path(repository_, plan_.info.commit, plan_.entry)};
        for (const RepositoryFile& file : plan_.files) result.files.push_back({file, bring(file)});
        repository_.write_ref(options_.revision, plan_.info.commit);  // last: what it leads to is there
        return result;
    }

 private:
    // Whether it had to be fetched.
    bool bring(const RepositoryFile& file) {
        if (is_present(repository_, plan_.info.commit, file)) return false;
        bool fetches = !has_blob(repository_, file) && fetch(file);
        repository_.link(plan_.info.commit, file.path, file.id, fetches);
        return fetches;
    }

    // False if another process has done it.
    bool fetch(const RepositoryFile& file) {
        auto on_bytes = [this](int64_t bytes) {
            if (options_.on_bytes) options_.on_bytes(bytes);
        };
        FileClaim claim(
            repository_.lock(file.id),
            [&] { log_info("{}: {}: another process fetches it: waiting", plan_.name.repository, file.path); },
            [&] {
                on_bytes(0);
                return false;
            });
        if (has_blob(repository_, file)) {
            on_bytes(file.bytes);
            return false;
        }
        std::atomic<double> touched = seconds_now();
        fetcher_.fetch({plan_.name.repository, plan_.info.commit, file, repository_.blob(file.id)}, [&](int64_t bytes) {
            double now = seconds_now(), last = touched;
            if (now - last > touch_seconds && touched.compare_exchange_strong(last, now)) claim.touch();
            on_bytes(bytes);
        });
        return true;
    }

    const PullPlan& plan_;
    const PullOptions& options_;
    CachedRepository repository_;
    FileFetcher fetcher_;
};

// The hub could not be asked, for now: what is in the cache will do.
bool is_temporary(const Error& problem) {
    if (const auto* hub = dynamic_cast<const HubError*>(&problem)) return hub->is_temporary();
    const auto* transfer = dynamic_cast<const TransferError*>(&problem);
    return transfer && transfer->may_work_later();
}

}  // namespace

std::optional<PullResult> find_cached(const HubCache& cache, const HubName& name, std::string_view revision) {
    CachedRepository repository = cache.repository(name.repository);
    std::optional<std::string> commit = revision.empty() ? repository.default_commit() : repository.commit_of(revision);
    if (!commit) return {};
    std::vector<CachedFile> present = repository.files(*commit);
    try {
        ModelFiles model = choose_files(paths_of(present), name.repository, name.selector);
        PullResult result{name.repository, std::string(revision), *commit,
                          model_path(repository, *commit, model.entry)};
        result.is_from_cache = true;
        for (const CachedFile& file : present)
            if (std::find(model.paths.begin(), model.paths.end(), file.path) != model.paths.end())
                result.files.push_back({{file.path, file.bytes, {}}, false});
        return result;
    } catch (const Error&) {
        return {};  // not all of it
    }
}

PullPlan plan_pull(Hub& hub, const HubName& name, std::string_view revision) {
    CachedRepository repository = HubCache(hub.settings().cache).repository(name.repository);
    PullPlan plan{.name = name, .info = hub.info(name.repository, revision)};
    std::vector<RepositoryFile> listed = hub.files(name.repository, plan.info.commit);
    ModelFiles model = choose(repository, listed, name, plan.info.commit);
    plan.entry = model.entry;
    std::set<std::string_view> wanted(model.paths.begin(), model.paths.end());
    for (RepositoryFile& file : listed) {
        if (!wanted.contains(file.path)) continue;
        plan.bytes += file.bytes;
        if (!is_present(repository, plan.info.commit, file) && !has_blob(repository, file))
            plan.bytes_to_fetch += file.bytes - PartialFile::present_at(repository.blob(file.id), file.bytes);
        plan.files.push_back(std::move(file));
    }
    return plan;
}

PullResult pull(Hub& hub, const PullPlan& plan, const PullOptions& options) {
    HubCache cache(hub.settings().cache);
    CachedRepository repository = cache.repository(plan.name.repository);
    cache.create();
    repository.create();
    check_space(plan, repository, cache.folder());
    if (options.on_begin && plan.bytes_to_fetch > 0) options.on_begin(plan.bytes_to_fetch);
    return Pull(hub, plan, options).run();
}

PullResult pull(Hub& hub, const HubName& name, const PullOptions& options) {
    HubCache cache(hub.settings().cache);
    if (is_commit(options.revision))  // what it names never changes
        if (std::optional<PullResult> cached = find_cached(cache, name, options.revision)) return *cached;
    try {
        return pull(hub, plan_pull(hub, name, options.revision), options);
    } catch (const Error& problem) {
        std::optional<PullResult> cached =
            is_temporary(problem) ? find_cached(cache, name, options.revision) : std::nullopt;
        if (!cached) throw;
        log_warning("{}; using what was downloaded before, commit {}", problem.what(), cached->commit.substr(0, 10));
        return *cached;
    }
}

}  // namespace puna
