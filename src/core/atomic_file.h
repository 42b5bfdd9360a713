// core/atomic_file.h — atomic file replacement: readers see the old file or the complete new one, even after a crash.
//
//   AtomicFile file("config.json");       // writes to a temporary file in the same folder, without a name if possible
//   file.write(text);
//   file.commit();                         // fsync, rename over the old one, fsync the folder
//
// Symbolic links are preserved: their target is replaced. Devices and pipes are written to directly, without atomicity.
// Every failing call (write, fsync, rename) throws Error with the path and the reason; without commit nothing changes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

class AtomicFile {
 public:
    explicit AtomicFile(const std::filesystem::path& path);
    ~AtomicFile();  // removes the temporary file if not committed
    AtomicFile(const AtomicFile&) = delete;

    void write(std::span<const std::byte> bytes);
    void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
    void commit();

 private:
    void flush();
    void write_through(std::span<const std::byte> bytes);
    void name_file();

    std::filesystem::path path_, temporary_;  // temporary_ is empty while the file has no name
    bool is_direct_;                          // a device or pipe, without a temporary file
    int descriptor_ = -1;
    std::vector<std::byte> buffer_;
    int64_t written_ = 0, started_ = 0;  // bytes given to the system; of them on their way to the disk
};

void write_file(const std::filesystem::path& path, std::string_view text);  // AtomicFile in one call

// Names beside a file or folder for what is not complete: NAME.PROCESS.COUNT.new.
std::filesystem::path temporary_name(const std::filesystem::path& path);
struct TemporaryName {
    std::string target;
    int process;
};
std::optional<TemporaryName> parse_temporary_name(std::string_view file_name);  // none: not such a name

// Follows symbolic links to their target, which may not exist yet. Throws Error for a circle of links.
std::filesystem::path resolve_links(std::filesystem::path path);
void sync_folder(const std::filesystem::path& folder);  // fsync; makes renames in it durable where supported
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);  // rename, then sync_folder
// Swaps two existing names; in one step, except on file systems that cannot (NFS).
void exchange_durably(const std::filesystem::path& a, const std::filesystem::path& b);
void make_folder(const std::filesystem::path& folder);  // with its parents; throws Error with the reason

}  // namespace puna
