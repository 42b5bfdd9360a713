// core/atomic_file.h — write a file so that a reader finds the old one or the whole new one, also after a power cut.
//
//   AtomicFile file("config.json");       // writes beside it, under a name of its own
//   file.write(text);
//   file.commit();                         // fsync, rename over the old one, fsync the folder
//
// A symbolic link stays: the file behind it is replaced. A device or a pipe is written to as it is, and is no file of
// old and new. Every failing call (write, fsync, rename) throws Error with the path and the reason; without commit
// nothing changes.
#pragma once
#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace puna {

class AtomicFile {
 public:
    explicit AtomicFile(const std::filesystem::path& path);
    ~AtomicFile();  // not committed: the new file is removed
    AtomicFile(const AtomicFile&) = delete;

    void write(std::span<const std::byte> bytes);
    void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
    void commit();

 private:
    void flush();

    std::filesystem::path path_, temporary_;
    int descriptor_ = -1;
    std::vector<std::byte> buffer_;
};

void write_file(const std::filesystem::path& path, std::string_view text);  // AtomicFile in one call
void sync_folder(const std::filesystem::path& folder);  // makes renames in it durable, where the file system can
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);  // rename, then sync_folder
void make_folder(const std::filesystem::path& folder);  // with its parents; an Error says why not

}  // namespace puna
