// Injects disk failures: preloaded into a program under test, it makes the n-th call fail or kills the program there.
//
//   PUNA_DISK_FOLDER   count only calls on files below this folder (an absolute path without links)
//   PUNA_DISK_CALL     which calls: write, fsync, fsync_folder, fallocate, link, symlink, rename, close, mkdir or any
//   PUNA_DISK_AT       number of the failing call, from 1; 0: none
//   PUNA_DISK_HOW      error (default): this and all later calls fail; once: only this call fails;
//                      kill: SIGKILL instead of the call
//   PUNA_DISK_ERROR    errno of failing calls (default: EIO)
//   PUNA_DISK_COUNT    a file that receives the number of calls when the program ends
//
// Writes through stdio (FILE*) are not intercepted. See tests/failing_disk.py for use in tests.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

std::string setting(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

struct Plan {
    std::string folder = setting("PUNA_DISK_FOLDER"), call = setting("PUNA_DISK_CALL"), how = setting("PUNA_DISK_HOW");
    long at = std::atol(setting("PUNA_DISK_AT").c_str());
    int error = setting("PUNA_DISK_ERROR").empty() ? EIO : std::atoi(setting("PUNA_DISK_ERROR").c_str());
    std::atomic<long> calls{0};

    ~Plan() {
        std::string path = setting("PUNA_DISK_COUNT");
        if (path.empty()) return;
        if (FILE* file = std::fopen(path.c_str(), "w")) {
            std::fprintf(file, "%ld\n", calls.load());
            std::fclose(file);
        }
    }
};

Plan& plan() {
    static Plan the_plan;
    return the_plan;
}

bool is_below_folder(std::string_view path) { return !plan().folder.empty() && path.starts_with(plan().folder); }

std::string path_of(int descriptor) {
    char name[64], path[PATH_MAX];
    std::snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    ssize_t n = ::readlink(name, path, sizeof path);
    return std::string(path, n > 0 ? static_cast<size_t>(n) : 0);
}

std::string absolute(const char* path) {
    char folder[PATH_MAX];
    if (path[0] == '/' || !::getcwd(folder, sizeof folder)) return path;
    return std::string(folder) + "/" + path;
}

// Counts the call; true if it must fail.
bool fails(std::string_view call, const std::string& path) {
    Plan& p = plan();
    if ((p.call != call && p.call != "any") || !is_below_folder(path)) return false;
    long number = ++p.calls;
    if (p.at == 0 || number < p.at || (p.how == "once" && number > p.at)) return false;
    if (p.how == "kill") std::raise(SIGKILL);
    errno = p.error;
    return true;
}

template <class F>
F next(const char* name, F) {
    return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t n) {
    static auto real = next("write", &write);
    return fails("write", path_of(descriptor)) ? -1 : real(descriptor, bytes, n);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t n, off_t offset) {
    static auto real = next("pwrite", &pwrite);
    return fails("write", path_of(descriptor)) ? -1 : real(descriptor, bytes, n, offset);
}

ssize_t writev(int descriptor, const iovec* pieces, int n) {
    static auto real = next("writev", &writev);
    return fails("write", path_of(descriptor)) ? -1 : real(descriptor, pieces, n);
}

int fsync(int descriptor) {
    static auto real = next("fsync", &fsync);
    struct stat status {};
    bool folder = ::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
    std::string path = path_of(descriptor);
    bool failed = plan().call == "fsync_folder" ? folder && fails("fsync_folder", path) : fails("fsync", path);
    return failed ? -1 : real(descriptor);
}

int fdatasync(int descriptor) {
    static auto real = next("fdatasync", &fdatasync);
    return fails("fsync", path_of(descriptor)) ? -1 : real(descriptor);
}

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
    static auto real = next("fallocate", &fallocate);
    return fails("fallocate", path_of(descriptor)) ? -1 : real(descriptor, mode, offset, length);
}

int symlink(const char* target, const char* path) noexcept {
    static auto real = next("symlink", static_cast<int (*)(const char*, const char*)>(nullptr));
    return fails("symlink", absolute(path)) ? -1 : real(target, path);
}

int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) noexcept {
    static auto real = next("linkat", &linkat);
    return fails("link", absolute(to)) ? -1 : real(from_folder, from, to_folder, to, flags);
}

int rename(const char* from, const char* to) noexcept {
    static auto real = next("rename", static_cast<int (*)(const char*, const char*)>(nullptr));
    return fails("rename", absolute(to)) ? -1 : real(from, to);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
    static auto real = next("renameat2", &renameat2);
    return fails("rename", absolute(to)) ? -1 : real(from_folder, from, to_folder, to, flags);
}

int mkdir(const char* path, mode_t mode) noexcept {
    static auto real = next("mkdir", static_cast<int (*)(const char*, mode_t)>(nullptr));
    return fails("mkdir", absolute(path)) ? -1 : real(path, mode);
}

// A failing close still closes the descriptor, as on Linux.
int close(int descriptor) {
    static auto real = next("close", &close);
    bool failed = fails("close", path_of(descriptor));
    int result = real(descriptor), reason = errno;
    errno = failed ? plan().error : reason;
    return failed ? -1 : result;
}

}  // extern "C"
