// core/mapped_file.h — read-only memory-mapped file.
//
//   MappedFile file("model.safetensors");       // throws Error if missing, unreadable or not a regular file
//   std::span<const std::byte> bytes = file.bytes();
//
// The bytes are valid for the lifetime of the object, which is movable but not copyable. If the file is truncated while
// mapped, or its disk fails, reading raises SIGBUS; the program's handler names the file (mapped_path_at). The rest of
// its last page reads as zeros: check_size() and shrunken_mapping() detect that. Our own writers never truncate files,
// they replace them (core/atomic_file.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace puna {

struct MappedRange;  // the registry entry used by mapped_path_at

class MappedFile {
 public:
    explicit MappedFile(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    MappedFile(const MappedFile&) = delete;

    std::span<const std::byte> bytes() const { return {data_, size_}; }
    std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
    const std::filesystem::path& path() const { return path_; }

    void check_size() const;  // throws Error if the file has become shorter

    // Releases the resident pages of this mapping (MADV_DONTNEED); they are read again on the next access.
    void drop_pages() const;

 private:
    std::filesystem::path path_;
    const std::byte* data_ = nullptr;
    size_t size_ = 0;
    uint64_t device_ = 0, inode_ = 0;  // a file that took its place is another
    MappedRange* range_ = nullptr;
};

// The first file that had become shorter when its mapping ended; empty if there was none.
std::string shrunken_mapping();

inline constexpr const char* became_shorter =
    "became shorter while it was read, or its disk failed; download or copy it again";

// The printable path of the file mapped at an address, or null. Async-signal-safe.
const char* mapped_path_at(const void* address);

// Releases the resident pages that lie in a range of a mapped file as a whole; they are read again on the next access.
// A range that is not mapped from a file by MappedFile is left alone.
void drop_mapped_pages(std::span<const std::byte> range);

// Whether there is a file to open, a dangling link included: opening it says what is wrong, instead of something else
// silently taking its place.
bool file_exists(const std::filesystem::path& path);

// The entire content of a file, pipe or device; "-" is standard input. Throws Error on failure.
std::string read_text(const std::filesystem::path& path);
std::string input_name(std::string_view path);  // for messages: the path, or "standard input" for "-"

}  // namespace puna
