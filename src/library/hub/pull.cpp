#include "library/hub/pull.h"

#include "core/log.h"
#include "core/progress.h"
#include "library/hub/choose_files.h"
#include "library/hub/claim.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
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

class Pull {
 public:
    Pull(Hub& hub, const HubName& name, const PullOptions& options)
        : hub_(hub),
          name_(name),
          options_(options),
          cache_(hub.settings().cache),
          repository_(cache_.repository(name.repository)),
          fetcher_(hub, options.fetch) {}

    PullResult run() {
        RepositoryInfo info = hub_.info(name_.repository, options_.revision);
        std::vector<RepositoryFile> listed = hub_.files(name_.repository, info.commit);
        commit_ = info.commit;
        ModelFiles model = choose(listed);
        std::vector<RepositoryFile> wanted;
        for (const RepositoryFile& file : listed)
            if (std::find(model.paths.begin(), model.paths.end(), file.path) != model.paths.end())
                wanted.push_back(file);
        cache_.create();
        repository_.create();
        check_space(wanted);
        PullResult result{name_.repository, options_.revision, commit_, model_path(repository_, commit_, model.entry)};
        for (const RepositoryFile& file : wanted) result.files.push_back({file, bring(file)});
        repository_.write_ref(options_.revision, commit_);  // last: what it leads to is there
        return result;
    }

 private:
    ModelFiles choose(const std::vector<RepositoryFile>& listed) {
        try {
            return choose_files(paths_of(listed), name_.repository, name_.selector);
        } catch (const Error&) {
            bool is_file = name_.selector.find('.') != std::string::npos;
            if (is_file && fs::is_directory(repository_.folder()))  // so that other tools need not ask again
                repository_.note_missing(commit_, name_.selector);
            throw;
        }
    }

    bool is_present(const RepositoryFile& file) const {
        return has_size(repository_.snapshot(commit_) / file.path, file.bytes);
    }
    bool has_blob(const RepositoryFile& file) const { return has_size(repository_.blob(file.id), file.bytes); }

    // Files are fetched only if all of them fit.
    void check_space(const std::vector<RepositoryFile>& wanted) {
        int64_t to_come = 0, to_allocate = spare_bytes;
        for (const RepositoryFile& file : wanted) {
            if (is_present(file) || has_blob(file)) continue;
            fs::path blob = repository_.blob(file.id);
            to_come += file.bytes - PartialFile::present_at(blob, file.bytes);
            to_allocate += std::max<int64_t>(file.bytes - PartialFile::allocated(blob), 0);
        }
        if (to_come == 0) return;
        struct statvfs disk;
        if (::statvfs(cache_.folder().c_str(), &disk) != 0)
            fail_errno(errno, "{}: cannot be examined", cache_.folder().string());
        int64_t free = static_cast<int64_t>(disk.f_bavail) * static_cast<int64_t>(disk.f_frsize);
        if (to_allocate > free)
            fail(ErrorKind::too_large,
                 "{}: {} are needed and {} are free in {}: free some space, or choose another disk with HF_HUB_CACHE",
                 name_.text(), format_quantity(static_cast<double>(to_allocate), "B"),
                 format_quantity(static_cast<double>(free), "B"), cache_.folder().string());
        if (options_.on_begin) options_.on_begin(to_come);
    }

    // Whether it had to be fetched.
    bool bring(const RepositoryFile& file) {
        if (is_present(file)) return false;
        bool fetches = !has_blob(file) && fetch(file);
        repository_.link(commit_, file.path, file.id, fetches);
        return fetches;
    }

    // False if another process has done it.
    bool fetch(const RepositoryFile& file) {
        auto on_bytes = [this](int64_t bytes) {
            if (options_.on_bytes) options_.on_bytes(bytes);
        };
        FileClaim claim(
            repository_.lock(file.id),
            [&] { log_info("{}: {}: another process fetches it: waiting", name_.repository, file.path); },
            [&] {
                on_bytes(0);
                return false;
            });
        if (has_blob(file)) {
            if (options_.on_bytes) options_.on_bytes(file.bytes);
            return false;
        }
        std::atomic<double> touched = seconds_now();
        fetcher_.fetch({name_.repository, commit_, file, repository_.blob(file.id)}, [&](int64_t bytes) {
            double now = seconds_now(), last = touched;
            if (now - last > touch_seconds && touched.compare_exchange_strong(last, now)) claim.touch();
            on_bytes(bytes);
        });
        return true;
    }

    Hub& hub_;
    const HubName& name_;
    const PullOptions& options_;
    HubCache cache_;
    CachedRepository repository_;
    FileFetcher fetcher_;
    std::string commit_;
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

PullResult pull(Hub& hub, const HubName& name, const PullOptions& options) {
    HubCache cache(hub.settings().cache);
    if (is_commit(options.revision))  // what it names never changes
        if (std::optional<PullResult> cached = find_cached(cache, name, options.revision)) return *cached;
    try {
        return Pull(hub, name, options).run();
    } catch (const Error& problem) {
        std::optional<PullResult> cached =
            is_temporary(problem) ? find_cached(cache, name, options.revision) : std::nullopt;
        if (!cached) throw;
        log_warning("{}; using what was downloaded before, commit {}", problem.what(), cached->commit.substr(0, 10));
        return *cached;
    }
}

}  // namespace puna
