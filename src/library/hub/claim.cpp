#include "library/hub/claim.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <ctime>
#include <system_error>
#include <utility>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr int poll_milliseconds = 200;
constexpr double new_seconds = 2;  // from the creation of a claim to its text

constexpr std::string_view claim_suffix = ".puna.claim";

fs::path claim_of(const fs::path& lock) { return fs::path(lock).replace_extension(claim_suffix); }

std::string host_name() {
    char name[256] = "";
    ::gethostname(name, sizeof name - 1);
    return name;
}

// When a process began, in clock ticks since the machine's start: its number may be given to another one later. 0: it
// does not exist.
int64_t start_of(int process) {
    fs::path path = fmt::format("/proc/{}/stat", process);
    if (::access(path.c_str(), R_OK) != 0) return 0;
    std::string text;
    try {
        text = read_text(path);
    } catch (const Error&) {
        return 0;  // it ended just now
    }
    size_t at = text.rfind(')');  // the name before it may contain anything
    for (int field = 2; field < 22 && at != text.npos; ++field) at = text.find(' ', at + 1);
    int64_t start = 0;
    if (at != text.npos) std::from_chars(text.data() + at + 1, text.data() + text.size(), start);
    return start;
}

std::string own_claim() { return fmt::format("{} {} {}\n", ::getpid(), start_of(::getpid()), host_name()); }

struct Claimant {
    int process = 0;
    int64_t start = 0;
    std::string host;
};

std::optional<Claimant> parse_claim(std::string_view text) {
    Claimant claimant;
    auto take = [&text](auto& number) {
        auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
        text.remove_prefix(static_cast<size_t>(end - text.data()));
        bool valid = problem == std::errc() && text.starts_with(' ');
        if (valid) text.remove_prefix(1);
        return valid;
    };
    if (!take(claimant.process) || claimant.process <= 0 || !take(claimant.start) || !text.ends_with('\n')) return {};
    claimant.host = text.substr(0, text.size() - 1);
    return claimant;
}

double seconds_since_touched(const struct stat& status) {
    timespec now;
    ::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<double>(now.tv_sec - status.st_mtim.tv_sec);
}

// Whether whoever wrote the claim still works. One without a text was created just now, or its process was killed then.
bool is_alive(const fs::path& claim, const struct stat& status) {
    std::string text;
    try {
        text = read_text(claim);
    } catch (const Error& problem) {
        return problem.kind != ErrorKind::not_found && seconds_since_touched(status) < FileClaim::stale_seconds;
    }
    std::optional<Claimant> claimant = parse_claim(text);
    if (!claimant) return seconds_since_touched(status) < new_seconds;
    if (claimant->host != host_name()) return seconds_since_touched(status) < FileClaim::stale_seconds;
    bool exists = ::kill(claimant->process, 0) == 0 || errno == EPERM;
    return exists && start_of(claimant->process) == claimant->start;
}

bool is_alive(const fs::path& claim) {
    struct stat status;
    return ::stat(claim.c_str(), &status) == 0 && is_alive(claim, status);
}

}  // namespace

bool is_claimed(const fs::path& lock) { return is_alive(claim_of(lock)); }

void remove_void_claims(const fs::path& locks) {
    std::error_code problem, ignored;
    for (fs::directory_iterator entry(locks, problem), end; !problem && entry != end; entry.increment(problem))
        if (entry->path().string().ends_with(claim_suffix) && !is_alive(entry->path()))
            fs::remove(entry->path(), ignored);
}

FileClaim::FileClaim(const fs::path& lock, const std::function<void()>& on_wait,
                     const std::function<bool()>& is_cancelled)
    : claim_(claim_of(lock)) {
    make_folder(lock.parent_path());
    descriptor_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0664);
    if (descriptor_ < 0) fail_errno(errno, "{}: cannot create", lock.string());
    bool has_waited = false;
    try {
        while (!try_flock() || !try_claim()) {
            if (!std::exchange(has_waited, true) && on_wait) on_wait();
            if (is_cancelled && is_cancelled()) fail(ErrorKind::closed, "{}: cancelled", lock.string());
            ::poll(nullptr, 0, poll_milliseconds);
        }
    } catch (...) {
        ::close(descriptor_);
        throw;
    }
}

FileClaim::~FileClaim() {
    if (claimed_) ::unlink(claim_.c_str());
    ::close(descriptor_);
}

// True also where there are no such locks: the claim has to do then.
bool FileClaim::try_flock() { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; }

bool FileClaim::try_claim() {
    std::string text = own_claim();
    int claim = -1;
    while ((claim = ::open(claim_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0664)) < 0 && errno == EEXIST) {
        if (is_alive(claim_)) return false;
        if (::unlink(claim_.c_str()) != 0 && errno != ENOENT)
            fail_errno(errno, "{}: is left of a program that has ended, and cannot be removed", claim_.string());
    }
    if (claim < 0) fail_errno(errno, "{}: cannot create", claim_.string());
    ssize_t written = ::write(claim, text.data(), text.size());
    int reason = errno;
    ::close(claim);
    claimed_ = true;
    if (written == std::ssize(text)) return true;
    ::unlink(claim_.c_str());
    fail_errno(written < 0 ? reason : ENOSPC, "{}: cannot write", claim_.string());
}

void FileClaim::touch() const { ::utimensat(AT_FDCWD, claim_.c_str(), nullptr, 0); }

}  // namespace puna
