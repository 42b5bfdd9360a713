// core/mapped_file.h — a whole file as bytes, read-only, mapped into memory.
//
//   MappedFile file("model.safetensors");       // throws Error: missing, a folder, unreadable
//   std::span<const std::byte> bytes = file.bytes();
//
// The bytes live as long as the object, which moves but does not copy. A file that shrinks while it is mapped, or that
// its disk no longer gives, is the one thing that this cannot survive: reading then raises SIGBUS, which the program
// explains (mapped_path_at). Writers of ours replace files, they never cut them (core/atomic_file.h).
#pragma once
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace puna {

struct MappedRange;  // what mapped_path_at knows of one file

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

    // What was read so far leaves this process's memory, and comes back when it is read again.
    void drop_pages() const;

 private:
    std::filesystem::path path_;
    const std::byte* data_ = nullptr;
    size_t size_ = 0;
    MappedRange* range_ = nullptr;
};

// For a signal handler: the path, in printable form, of the file that is mapped at an address; null if none is.
const char* mapped_path_at(const void* address);

// The whole of a file, pipe or device; "-" is standard input. Throws Error when it cannot be read.
std::string read_text(const std::filesystem::path& path);

}  // namespace puna
