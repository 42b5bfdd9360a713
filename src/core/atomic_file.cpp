#include "core/atomic_file.h"

#include "core/error.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <system_error>
#include <utility>

namespace puna {

namespace {

constexpr size_t buffer_size = 1 << 20;
constexpr int64_t writeback_step = 32 << 20;

std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

// A device, pipe or other existing non-regular file, which must not be replaced.
bool is_special(const std::filesystem::path& path) {
    struct stat status;
    return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

// A file without a name, which vanishes with the process, however that ends; -1 where the file system has no such
// files. It gets its name by way of /proc.
int open_unnamed(const std::filesystem::path& folder) {
    if (::access("/proc/self/fd", X_OK) != 0) return -1;
    return ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
}

bool give_name(int descriptor, const std::filesystem::path& path) {
    std::string source = fmt::format("/proc/self/fd/{}", descriptor);
    return ::linkat(AT_FDCWD, source.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

// Calls create(name) with temporary names beside the path until one is free: an earlier process with our number, as in
// a container, may have left some. The name; errno is set if none could be created.
template <class F>
std::filesystem::path create_beside(const std::filesystem::path& path, F create) {
    constexpr int attempts = 100;
    std::filesystem::path name = temporary_name(path);
    for (int i = 1; !create(name) && errno == EEXIST && i < attempts; ++i) name = temporary_name(path);
    return name;
}

}  // namespace

std::filesystem::path temporary_name(const std::filesystem::path& path) {
    static std::atomic<unsigned> counter{0};
    std::filesystem::path name = path;
    name += fmt::format(".{}.{}.new", ::getpid(), counter.fetch_add(1));
    return name;
}

std::optional<TemporaryName> parse_temporary_name(std::string_view name) {
    if (!name.ends_with(".new")) return {};
    name.remove_suffix(4);
    auto take_number = [&name]() -> std::optional<int> {  // ".123", from the end
        size_t dot = name.rfind('.');
        if (dot == name.npos) return {};
        int number = 0;
        auto [end, problem] = std::from_chars(name.data() + dot + 1, name.data() + name.size(), number);
        if (problem != std::errc() || end != name.data() + name.size() || number < 0) return {};
        name = name.substr(0, dot);
        return number;
    };
    std::optional<int> count = take_number(), process = count ? take_number() : std::nullopt;
    if (!process || *process == 0 || name.empty()) return {};
    return TemporaryName{std::string(name), *process};
}

std::filesystem::path resolve_links(std::filesystem::path path) {
    constexpr int max_links = 40;  // as in Linux
    std::error_code problem;
    for (int links = 0; std::filesystem::is_symlink(path, problem); ++links) {
        if (links == max_links) fail_errno(ELOOP, "{}: cannot create", path.string());
        path = folder_of(path) / std::filesystem::read_symlink(path);
    }
    return path;
}

AtomicFile::AtomicFile(const std::filesystem::path& path) : path_(path), is_direct_(is_special(path)) {
    if (is_direct_) {
        descriptor_ = ::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
        if (descriptor_ < 0) fail_errno(errno, "{}: cannot open", path.string());
    } else {
        path_ = resolve_links(path);
        descriptor_ = open_unnamed(folder_of(path_));
        if (descriptor_ < 0)
            temporary_ = create_beside(path_, [this](const std::filesystem::path& name) {
                descriptor_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
                return descriptor_ >= 0;
            });
        if (descriptor_ < 0) fail_errno(errno, "{}: cannot create", path_.string());
    }
    buffer_.reserve(buffer_size);
}

AtomicFile::~AtomicFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
    if (buffer_.size() + bytes.size() > buffer_size) flush();
    if (bytes.size() > buffer_size) return write_through(bytes);
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

void AtomicFile::flush() {
    write_through(buffer_);
    buffer_.clear();
}

void AtomicFile::write_through(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail_errno(errno, "{}: cannot write", path_.string());
        bytes = bytes.subspan(static_cast<size_t>(n));
        written_ += n;
    }
    // The disk begins at once, not when memory fills up: commit waits for less. Errors are those of commit's fsync.
    if (written_ - started_ < writeback_step) return;
    ::sync_file_range(descriptor_, started_, written_ - started_, SYNC_FILE_RANGE_WRITE);
    started_ = written_;
}

void AtomicFile::commit() {
    check(descriptor_ >= 0, "{}: committed twice", path_.string());
    flush();
    if (is_direct_) return;  // nothing to sync or rename
    if (::fsync(descriptor_) != 0) fail_errno(errno, "{}: cannot write to disk", path_.string());
    if (temporary_.empty()) name_file();
    if (::close(std::exchange(descriptor_, -1)) != 0) fail_errno(errno, "{}: cannot close", path_.string());
    if (::rename(temporary_.c_str(), path_.c_str()) != 0)
        fail_errno(errno, "{}: cannot rename the new file into place", path_.string());
    temporary_.clear();
    sync_folder(folder_of(path_));
}

void AtomicFile::name_file() {
    bool named = false;
    std::filesystem::path name =
        create_beside(path_, [&](const std::filesystem::path& free) { return named = give_name(descriptor_, free); });
    if (!named) fail_errno(errno, "{}: cannot give the new file a name", path_.string());
    temporary_ = std::move(name);
}

void write_file(const std::filesystem::path& path, std::string_view text) {
    AtomicFile file(path);
    file.write(text);
    file.commit();
}

void sync_folder(const std::filesystem::path& folder) {
    int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0 && errno == EACCES) return;  // a folder to write to and not to read: it syncs itself in time
    if (descriptor < 0) fail_errno(errno, "{}: cannot open the folder", folder.string());
    int result = ::fsync(descriptor), reason = errno;
    ::close(descriptor);
    // What file systems that cannot sync folders answer.
    bool unsupported = reason == EINVAL || reason == ENOTSUP || reason == ENOSYS || reason == EBADF;
    if (result != 0 && !unsupported) fail_errno(reason, "{}: cannot write the folder to disk", folder.string());
}

void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::rename(from.c_str(), to.c_str()) != 0)
        fail_errno(errno, "{}: cannot rename to {}", from.string(), to.string());
    sync_folder(folder_of(to));
}

void exchange_durably(const std::filesystem::path& a, const std::filesystem::path& b) {
    if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) return sync_folder(folder_of(b));
    bool unsupported = errno == EINVAL || errno == ENOSYS || errno == ENOTSUP;
    if (!unsupported) fail_errno(errno, "{}: cannot replace {}", a.string(), b.string());
    std::filesystem::path aside = temporary_name(b);
    rename_durably(b, aside);
    rename_durably(a, b);
    rename_durably(aside, a);
}

void make_folder(const std::filesystem::path& folder) {
    std::error_code problem;
    std::filesystem::create_directories(folder, problem);
    if (problem) fail("{}: cannot create the folder: {}", folder.string(), problem.message());
}

}  // namespace puna
