#include "core/mapped_file.h"

#include "core/error.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

namespace puna {

// In a list that only grows: a signal handler may walk it at any time. Free ones are taken again.
struct MappedRange {
    std::atomic<bool> taken{true};
    std::atomic<const std::byte*> begin{nullptr};
    std::atomic<size_t> size{0};
    std::string path;  // changes only between taken and begin
    MappedRange* next = nullptr;
};

namespace {

std::atomic<MappedRange*> ranges{nullptr};

MappedRange* take_range() {
    for (MappedRange* range = ranges; range; range = range->next)
        if (!range->taken.exchange(true)) return range;
    auto* made = new MappedRange;  // never deleted
    made->next = ranges;
    while (!ranges.compare_exchange_weak(made->next, made)) {
    }
    return made;
}

MappedRange* note_range(const std::filesystem::path& path, const std::byte* begin, size_t size) {
    MappedRange* range = take_range();
    range->path = printable(path.string(), std::string::npos);
    range->size = size;
    range->begin = begin;
    return range;
}

void drop_range(MappedRange* range) {
    range->begin = nullptr;
    range->taken = false;
}

class Descriptor {
 public:
    explicit Descriptor(const std::filesystem::path& path, int mode = 0)
        : owned_(path != "-"), number_(owned_ ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC | mode) : STDIN_FILENO) {
        if (number_ < 0) fail("{}: cannot open: {}", path.string(), system_reason(errno));
    }
    ~Descriptor() {
        if (owned_) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    int number() const { return number_; }

 private:
    bool owned_;
    int number_;
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
    Descriptor file(path, O_NONBLOCK);  // a pipe is refused, not waited for
    struct stat status;
    if (::fstat(file.number(), &status) != 0) fail("{}: cannot read: {}", path.string(), system_reason(errno));
    if (!S_ISREG(status.st_mode)) fail("{}: is not a regular file", path.string());
    size_ = static_cast<size_t>(status.st_size);
    if (size_ == 0) return;
    void* pointer = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.number(), 0);
    if (pointer == MAP_FAILED) fail("{}: cannot map {} bytes: {}", path.string(), size_, system_reason(errno));
    data_ = static_cast<const std::byte*>(pointer);
    range_ = note_range(path, data_, size_);
}

MappedFile::~MappedFile() {
    if (range_) drop_range(range_);
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

void MappedFile::drop_pages() const {
    if (data_) ::madvise(const_cast<std::byte*>(data_), size_, MADV_DONTNEED);
}

const char* mapped_path_at(const void* address) {
    const auto* at = static_cast<const std::byte*>(address);
    for (const MappedRange* range = ranges; range; range = range->next) {
        const std::byte* begin = range->begin;
        if (begin && at >= begin && at < begin + range->size) return range->path.c_str();
    }
    return nullptr;
}

std::string read_text(const std::filesystem::path& path) {
    Descriptor file(path);
    std::string text;
    struct stat status;
    if (::fstat(file.number(), &status) == 0 && S_ISREG(status.st_mode))
        text.reserve(static_cast<size_t>(status.st_size) + 1);
    constexpr size_t piece = 1 << 16;
    for (;;) {
        size_t old = text.size();
        if (old == text.capacity()) text.reserve(old + std::max(piece, old / 2));
        text.resize(text.capacity());
        ssize_t n = ::read(file.number(), text.data() + old, text.size() - old);
        text.resize(old + static_cast<size_t>(std::max<ssize_t>(n, 0)));
        if (n == 0) return text;
        if (n < 0 && errno != EINTR) fail("{}: cannot read: {}", path.string(), system_reason(errno));
    }
}

}  // namespace puna
