// core/folders.h — folders that exist only while they are needed, or only once they are complete.
//
//   TemporaryFolder scratch("puna-bench");           // below the system's temporary folder, removed by the destructor
//
//   NewFolder folder("packed");                      // a temporary name beside it (core/atomic_file.h)
//   write_file(folder / "index.json", text);
//   folder.commit();                                 // renamed to packed; without commit nothing is left
//
// Both throw Error with the path and the reason. NewFolder follows a link to its target, and also removes what earlier
// processes of this program, which have ended, left of the same folder. "packed/" is "packed".
#pragma once
#include <filesystem>
#include <string_view>

namespace puna {

class TemporaryFolder {
 public:
    explicit TemporaryFolder(std::string_view prefix);
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
    std::filesystem::path path_;
};

class NewFolder {
 public:
    explicit NewFolder(const std::filesystem::path& path);
    ~NewFolder();
    NewFolder(const NewFolder&) = delete;

    const std::filesystem::path& target() const { return target_; }
    const std::filesystem::path& path() const { return temporary_; }  // where it is until then
    std::filesystem::path operator/(const std::filesystem::path& name) const { return temporary_ / name; }
    void commit();   // the target must not exist, or be an empty folder
    void replace();  // as commit; an existing target with files is there until then, and is removed

 private:
    std::filesystem::path target_, temporary_;
};

}  // namespace puna
