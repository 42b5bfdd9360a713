#include "library/hub/cache.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/mapped_file.h"
#include "library/hub/claim.h"
#include "library/hub/name.h"
#include "library/hub/partial.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <set>
#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view cache_tag_name = "CACHEDIR.TAG";
constexpr std::string_view cache_tag =
    "Signature: 8a477f597d28d172789f06886806bc55\n# This file marks a cache of downloaded models; backups may skip "
    "it.\n";

void expect_safe(std::string_view path, std::string_view what) {
    if (!is_safe_path(path)) fail(ErrorKind::denied, "{} '{}' would lead out of the cache", what, printable(path));
}

// The names of files below a folder, relative to it; a folder that cannot be read has none.
std::vector<std::string> list_files(const fs::path& folder) {
    std::vector<std::string> names;
    std::error_code problem;
    for (fs::recursive_directory_iterator entry(folder, problem), end; !problem && entry != end;
         entry.increment(problem))
        if (std::error_code ignored; !entry->is_directory(ignored))
            names.push_back(entry->path().lexically_relative(folder).string());
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<std::string> list_folders(const fs::path& folder) {
    std::vector<std::string> names;
    std::error_code problem;
    for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem))
        if (std::error_code ignored; entry->is_directory(ignored)) names.push_back(entry->path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

bool links_are_disabled() {
    const char* value = std::getenv("HF_HUB_DISABLE_SYMLINKS");
    return value && (std::string_view(value) == "1" || std::string_view(value) == "true");
}

// False where the file system has no links. temporary: what it is called until it replaces what is there.
bool make_link(const fs::path& target, const fs::path& link, const fs::path& temporary) {
    if (links_are_disabled()) return false;
    if (::symlink(target.c_str(), temporary.c_str()) == 0) {
        rename_durably(temporary, link);
        return true;
    }
    if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS) return false;
    fail_errno(errno, "{}: cannot create the link", link.string());
}

// Files that processes left which were killed while they wrote them under a temporary name.
void remove_temporaries(const fs::path& folder) {
    std::error_code problem;
    for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem)) {
        std::optional<TemporaryName> name = parse_temporary_name(entry->path().filename().string());
        if (!name) continue;
        bool has_ended = ::kill(name->process, 0) != 0 && errno == ESRCH;
        if (std::error_code ignored; has_ended) fs::remove(entry->path(), ignored);
    }
}

void copy_content(const fs::path& from, const fs::path& to) {
    MappedFile source(from);
    AtomicFile copy(to);
    copy.write(source.bytes());
    source.check_unchanged();
    copy.commit();
}

}  // namespace

CachedRepository::CachedRepository(const fs::path& cache, std::string_view name)
    : name_(name), folder_(cache / repository_folder(name)), locks_(cache / ".locks" / repository_folder(name)) {
    if (!is_repository_name(name)) fail(ErrorKind::usage, "'{}' is not the name of a repository", printable(name));
}

fs::path CachedRepository::snapshot(std::string_view commit) const { return folder_ / "snapshots" / commit; }
fs::path CachedRepository::blob(const ContentId& id) const { return folder_ / "blobs" / id.hex; }
fs::path CachedRepository::lock(const ContentId& id) const { return locks_ / (id.hex + ".lock"); }

std::vector<std::string> CachedRepository::refs() const {
    std::vector<std::string> names = list_files(folder_ / "refs");
    std::erase_if(names, [](const std::string& name) { return !is_safe_path(name); });
    return names;
}

std::vector<std::string> CachedRepository::snapshots() const {
    std::vector<std::string> names = list_folders(folder_ / "snapshots");
    std::erase_if(names, [](const std::string& name) { return !is_commit(name); });
    return names;
}

std::optional<std::string> CachedRepository::commit_of(std::string_view revision) const {
    if (is_commit(revision)) return std::string(revision);
    if (!is_safe_path(revision)) return {};
    fs::path ref = folder_ / "refs" / revision;
    std::error_code problem;
    if (!fs::is_regular_file(ref, problem) || fs::file_size(ref, problem) > 100) return {};
    std::string commit = read_text(ref);
    while (!commit.empty() && (commit.back() == '\n' || commit.back() == ' ')) commit.pop_back();
    return is_commit(commit) ? std::optional(commit) : std::nullopt;
}

std::optional<std::string> CachedRepository::default_commit() const {
    std::vector<std::string> revisions = refs(), commits = snapshots();
    revisions.insert(revisions.begin(), "main");
    for (const std::string& revision : revisions)
        if (std::optional<std::string> commit = commit_of(revision))
            if (std::find(commits.begin(), commits.end(), *commit) != commits.end()) return commit;
    return commits.size() == 1 ? std::optional(commits[0]) : std::nullopt;
}

std::vector<CachedFile> CachedRepository::files(std::string_view commit) const {
    std::vector<CachedFile> files;
    fs::path folder = snapshot(commit);
    for (std::string& path : list_files(folder)) {
        std::error_code problem;
        uintmax_t bytes = fs::is_regular_file(folder / path, problem) ? fs::file_size(folder / path, problem) : 0;
        if (!problem && is_safe_path(path) && fs::is_regular_file(folder / path, problem))
            files.push_back({std::move(path), static_cast<int64_t>(bytes)});
    }
    return files;
}

int64_t CachedRepository::bytes() const {
    int64_t bytes = 0;
    std::set<std::pair<dev_t, ino_t>> seen;
    for (const char* part : {"blobs", "snapshots"})
        for (const std::string& path : list_files(folder_ / part)) {
            struct stat status;
            bool is_file = ::lstat((folder_ / part / path).c_str(), &status) == 0 && S_ISREG(status.st_mode);
            if (is_file && seen.insert({status.st_dev, status.st_ino}).second) bytes += status.st_blocks * 512;
        }
    return bytes;
}

void CachedRepository::write_ref(std::string_view revision, std::string_view commit) const {
    if (is_commit(revision) || commit_of(revision) == commit) return;
    expect_safe(revision, "the revision");
    fs::path ref = folder_ / "refs" / revision;
    make_folder(ref.parent_path());
    // Not in refs, where everything is taken for a ref.
    fs::path temporary = temporary_name(folder_ / "blobs" / "ref");
    make_folder(temporary.parent_path());
    write_file(temporary, commit);
    rename_durably(temporary, ref);
}

void CachedRepository::link(std::string_view commit, std::string_view path, const ContentId& id, bool is_new) const {
    expect_safe(path, "the file");
    fs::path link = snapshot(commit) / path, content = blob(id);
    make_folder(link.parent_path());
    fs::path target = content.lexically_relative(link.parent_path());
    std::error_code problem;
    if (fs::is_symlink(link, problem) && fs::read_symlink(link, problem) == target) return;
    // Not beside the link: in a snapshot everything is taken for a file of the model.
    if (make_link(target, link, temporary_name(content.parent_path() / "link"))) return;
    if (is_new)
        rename_durably(content, link);
    else
        copy_content(content, link);
}

void CachedRepository::note_missing(std::string_view commit, std::string_view path) const {
    expect_safe(path, "the file");
    fs::path note = folder_ / ".no_exist" / commit / path;
    make_folder(note.parent_path());
    int descriptor = ::open(note.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) fail_errno(errno, "{}: cannot create", note.string());
    ::close(descriptor);
}

bool CachedRepository::is_missing(std::string_view commit, std::string_view path) const {
    return is_safe_path(path) && file_exists(folder_ / ".no_exist" / commit / path);
}

void CachedRepository::create() const {
    for (const char* name : {"blobs", "refs", "snapshots"}) make_folder(folder_ / name);
    remove_void_claims(locks_);
    remove_temporaries(folder_ / "blobs");
    PartialFile::remove_finished(folder_ / "blobs");
}

std::vector<std::string> HubCache::repositories() const {
    std::vector<std::string> names;
    for (const std::string& folder : list_folders(folder_))
        if (std::optional<std::string> name = repository_of_folder(folder)) names.push_back(std::move(*name));
    return names;
}

void HubCache::create() const {
    make_folder(folder_);
    if (file_exists(folder_ / cache_tag_name)) return;
    remove_temporaries(folder_);
    write_file(folder_ / cache_tag_name, cache_tag);
}

}  // namespace puna
