#include "core/mapped_file.h"

#include "core/checked.h"
#include "core/error.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <utility>

namespace puna {

// Node of a lock-free list that never shrinks, because a signal handler may walk it at any time. Free nodes are reused.
struct MappedRange {
    std::atomic<bool> in_use{true};
    std::atomic<const std::byte*> begin{nullptr};
    std::atomic<size_t> size{0};
    std::atomic<bool> lost_pages{false};
    // Written only after in_use is set and before begin is.
    std::string printable_path;
    std::filesystem::path path;
    uint64_t device = 0, inode = 0;  // a file that took its place is another
    MappedRange* next = nullptr;
};

namespace {

std::atomic<MappedRange*> ranges{nullptr};

MappedRange* acquire_range() {
    for (MappedRange* range = ranges; range; range = range->next)
        if (!range->in_use.exchange(true)) return range;
    auto* node = new MappedRange;  // never deleted
    node->next = ranges;
    while (!ranges.compare_exchange_weak(node->next, node)) {
    }
    return node;
}

MappedRange* register_range(const std::filesystem::path& path, const struct stat& status, const std::byte* begin) {
    MappedRange* range = acquire_range();
    range->printable_path = printable(path.string(), std::string::npos);
    range->path = path;
    range->device = status.st_dev;
    range->inode = status.st_ino;
    range->lost_pages = false;
    range->size = static_cast<size_t>(status.st_size);
    range->begin = begin;
    return range;
}

void release_range(MappedRange* range) {
    range->begin = nullptr;
    range->in_use = false;
}

MappedRange* range_at(const void* address) {
    const auto* at = static_cast<const std::byte*>(address);
    for (MappedRange* range = ranges; range; range = range->next) {
        const std::byte* begin = range->begin;
        if (begin && at >= begin && at < begin + range->size) return range;
    }
    return nullptr;
}

// Less than a page that is lost reads as zeros, without a signal.
bool has_shrunk(const MappedRange& range) {
    struct stat status;
    if (::stat(range.path.c_str(), &status) != 0) return false;
    return status.st_dev == range.device && status.st_ino == range.inode &&
           static_cast<size_t>(status.st_size) < range.size;
}

bool has_changed(const MappedRange& range) { return range.lost_pages || has_shrunk(range); }

size_t page_size() {
    static const auto size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

// Maps zeros from a page on to the end of its file's mapping: of a file that became shorter all of that is lost, and
// one call for each page could exceed what the system allows. Async-signal-safe.
bool replace_by_zeros(void* page) {
    MappedRange* range = range_at(page);
    if (!range) return false;
    uintptr_t end = reinterpret_cast<uintptr_t>(range->begin.load()) + range->size;
    range->lost_pages = true;  // before anyone can read the zeros
    return ::mmap(page, end - reinterpret_cast<uintptr_t>(page), PROT_READ,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

void on_bus_error(int signal, siginfo_t* info, void*) {
    int saved_errno = errno;
    uintptr_t address = reinterpret_cast<uintptr_t>(info->si_addr);
    if (!replace_by_zeros(reinterpret_cast<void*>(address / page_size() * page_size())))
        std::signal(signal, SIG_DFL);  // any other fault: it recurs and ends the program by the default action
    errno = saved_errno;
}

class Descriptor {
 public:
    explicit Descriptor(const std::filesystem::path& path, int flags = 0)
        : owned_(path != "-"), descriptor_(owned_ ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags) : STDIN_FILENO) {
        if (descriptor_ < 0) fail_errno(errno, "{}: cannot open", path.string());
    }
    ~Descriptor() {
        if (owned_) ::close(descriptor_);
    }
    Descriptor(const Descriptor&) = delete;
    int get() const { return descriptor_; }

 private:
    bool owned_;
    int descriptor_;
};

std::mutex changed_mutex;
std::string first_changed;

}  // namespace

void recover_lost_pages() {
    page_size();  // known before a signal asks for it
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    ::sigaction(SIGBUS, &action, nullptr);
}

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
    Descriptor file(path, O_NONBLOCK);  // a pipe is rejected without blocking
    struct stat status;
    if (::fstat(file.get(), &status) != 0) fail_errno(errno, "{}: cannot read", path.string());
    if (!S_ISREG(status.st_mode)) fail(ErrorKind::damaged, "{}: is not a regular file", path.string());
    size_ = static_cast<size_t>(status.st_size);
    if (size_ == 0) return;
    void* pointer = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
    if (pointer == MAP_FAILED) fail_errno(errno, "{}: cannot map {} bytes", path.string(), size_);
    data_ = static_cast<const std::byte*>(pointer);
    range_ = register_range(path, status, data_);
}

MappedFile::~MappedFile() {
    if (changed()) {
        std::lock_guard lock(changed_mutex);
        if (first_changed.empty()) first_changed = path_.string();
    }
    if (range_) release_range(range_);
    if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      range_(std::exchange(other.range_, nullptr)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(range_, other.range_);
    return *this;
}

bool MappedFile::changed() const { return range_ && has_changed(*range_); }

void MappedFile::check_unchanged() const {
    if (changed()) fail(ErrorKind::damaged, "{}: {}", path_.string(), changed_in_use);
}

std::string changed_mapping() {
    std::lock_guard lock(changed_mutex);
    return first_changed;
}

void MappingWatch::add(const void* address) {
    MappedRange* range = range_at(address);
    if (range && std::find(ranges_.begin(), ranges_.end(), range) == ranges_.end()) ranges_.push_back(range);
}

void MappingWatch::check_unchanged() const {
    for (const MappedRange* range : ranges_)
        if (has_changed(*range)) fail(ErrorKind::damaged, "{}: {}", range->path.string(), changed_in_use);
}

void MappedFile::drop_pages() const {
    if (data_) ::madvise(const_cast<std::byte*>(data_), size_, MADV_DONTNEED);
}

void drop_mapped_pages(std::span<const std::byte> range) {
    if (!mapped_path_at(range.data())) return;
    uintptr_t page = page_size(), begin = reinterpret_cast<uintptr_t>(range.data());
    uintptr_t first = round_up(begin, page), last = (begin + range.size()) / page * page;
    if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

const char* mapped_path_at(const void* address) {
    const MappedRange* range = range_at(address);
    return range ? range->printable_path.c_str() : nullptr;
}

bool file_exists(const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::symlink_status(path, ignored).type() != std::filesystem::file_type::not_found;
}

std::string read_text(const std::filesystem::path& path) {
    Descriptor file(path);
    std::string text;
    struct stat status;
    if (::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode))
        text.reserve(static_cast<size_t>(status.st_size) + 1);
    constexpr size_t min_growth = 1 << 16;
    for (;;) {
        size_t used = text.size();
        if (used == text.capacity()) text.reserve(used + std::max(min_growth, used / 2));
        text.resize(text.capacity());
        ssize_t n = ::read(file.get(), text.data() + used, text.size() - used);
        text.resize(used + static_cast<size_t>(std::max<ssize_t>(n, 0)));
        if (n == 0) return text;
        if (n < 0 && errno != EINTR) fail_errno(errno, "{}: cannot read", path.string());
    }
}

std::string input_name(std::string_view path) { return std::string(path == "-" ? "standard input" : path); }

}  // namespace puna
