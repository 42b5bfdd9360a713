// core/mapped_file.h — read-only memory-mapped file.
//
//   MappedFile file("model.safetensors");       // throws Error if missing, unreadable or not a regular file
//   std::span<const std::byte> bytes = file.bytes();
//
// The bytes are valid for the lifetime of the object, which is movable but not copyable. Our own writers never truncate
// files, they replace them (core/atomic_file.h). If another program truncates one that is mapped, or its disk fails,
// what is lost reads as zeros (recover_lost_pages): whoever reads a mapping asks at the end, or after each step,
// whether it changed, before it uses what it has read.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct MappedRange;  // an entry of the registry of all mappings

// Installs a handler for SIGBUS, which reading a lost page raises: it maps zeros there, and the mapping has changed.
// Without it the program ends.
void recover_lost_pages();

inline constexpr const char* changed_in_use =
    "changed while in use: it became shorter, or its disk failed; download or copy it again";

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

    bool changed() const;          // whether the file has become shorter, or a page of it could not be read
    void check_unchanged() const;  // throws Error "FILE: changed while in use: ..." if it has

    // Releases the resident pages of this mapping (MADV_DONTNEED); they are read again on the next access.
    void drop_pages() const;

 private:
    std::filesystem::path path_;
    const std::byte* data_ = nullptr;
    size_t size_ = 0;
    MappedRange* range_ = nullptr;
};

// The first file that had changed when its mapping ended; empty if there was none.
std::string changed_mapping();

// The mappings in which some addresses lie: of a model whose weights are views of files. They must outlive the watch.
class MappingWatch {
 public:
    void add(const void* address);  // ignored if it lies in no mapping
    void check_unchanged() const;   // throws Error as MappedFile::check_unchanged

 private:
    std::vector<MappedRange*> ranges_;
};

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
