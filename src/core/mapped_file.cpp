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
#include <mutex>
#include <utility>

namespace puna {

// Node of a lock-free list that never shrinks, because a signal handler may walk it at any time. Free nodes are reused.
struct MappedRange {
    std::atomic<bool> in_use{true};
    std::atomic<const std::byte*> begin{nullptr};
    std::atomic<size_t> size{0};
    std::string path;  // written only after in_use is set and before begin is
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

MappedRange* register_range(const std::filesystem::path& path, const std::byte* begin, size_t size) {
    MappedRange* range = acquire_range();
    range->path = printable(path.string(), std::string::npos);
    range->size = size;
    range->begin = begin;
    return range;
}

void release_range(MappedRange* range) {
    range->begin = nullptr;
    range->in_use = false;
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

std::mutex shrunken_mutex;
std::string shrunken;

bool has_shrunk(const std::filesystem::path& path, uint64_t device, uint64_t inode, size_t size) {
    struct stat status;
    if (size == 0 || ::stat(path.c_str(), &status) != 0) return false;
    return status.st_dev == device && status.st_ino == inode && static_cast<size_t>(status.st_size) < size;
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
    Descriptor file(path, O_NONBLOCK);  // a pipe is rejected without blocking
    struct stat status;
    if (::fstat(file.get(), &status) != 0) fail_errno(errno, "{}: cannot read", path.string());
    if (!S_ISREG(status.st_mode)) fail(ErrorKind::damaged, "{}: is not a regular file", path.string());
    size_ = static_cast<size_t>(status.st_size);
    device_ = status.st_dev;
    inode_ = status.st_ino;
    if (size_ == 0) return;
    void* pointer = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
    if (pointer == MAP_FAILED) fail_errno(errno, "{}: cannot map {} bytes", path.string(), size_);
    data_ = static_cast<const std::byte*>(pointer);
    range_ = register_range(path, data_, size_);
}

MappedFile::~MappedFile() {
    if (has_shrunk(path_, device_, inode_, size_)) {
        std::lock_guard lock(shrunken_mutex);
        if (shrunken.empty()) shrunken = path_.string();
    }
    if (range_) release_range(range_);
    if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      device_(other.device_),
      inode_(other.inode_),
      range_(std::exchange(other.range_, nullptr)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(device_, other.device_);
    std::swap(inode_, other.inode_);
    std::swap(range_, other.range_);
    return *this;
}

void MappedFile::check_size() const {
    if (has_shrunk(path_, device_, inode_, size_)) fail("{}: {}", path_.string(), became_shorter);
}

std::string shrunken_mapping() {
    std::lock_guard lock(shrunken_mutex);
    return shrunken;
}

void MappedFile::drop_pages() const {
    if (data_) ::madvise(const_cast<std::byte*>(data_), size_, MADV_DONTNEED);
}

void drop_mapped_pages(std::span<const std::byte> range) {
    if (!mapped_path_at(range.data())) return;
    uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE)), begin = reinterpret_cast<uintptr_t>(range.data());
    uintptr_t first = round_up(begin, page), last = (begin + range.size()) / page * page;
    if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

const char* mapped_path_at(const void* address) {
    const auto* at = static_cast<const std::byte*>(address);
    for (const MappedRange* range = ranges; range; range = range->next) {
        const std::byte* begin = range->begin;
        if (begin && at >= begin && at < begin + range->size) return range->path.c_str();
    }
    return nullptr;
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
