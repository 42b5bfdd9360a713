// core/overwrite.h — an output replaces nothing that exists unless it is forced to, and nothing but its own kind then.
//
//   const OutputKind notes{"a folder of notes", [](const std::filesystem::path& path) {
//       return contains_only(path, [](const std::filesystem::path& entry) { return entry.extension() == ".txt"; });
//   }};
//   bool force = false;
//   check_overwrite("my-notes", notes, force);
//
// Empty files and folders, devices and pipes are free to be written to.
#pragma once
#include <filesystem>
#include <string_view>

namespace puna {

inline constexpr std::string_view force_help = "overwrite an existing output";

struct OutputKind {
    std::string_view name;  // "a packed set"
    bool (*is_one)(const std::filesystem::path& existing);
};

// Throws Error if something exists at `path`: of the kind `exists` without `force`; whatever `force` is if it is not
// one of `kind`.
void check_overwrite(const std::filesystem::path& path, const OutputKind& kind, bool force);

// Whether it is a folder in which each entry belongs to the output; false if it cannot be read.
bool contains_only(const std::filesystem::path& folder, bool (*belongs)(const std::filesystem::path& entry));

}  // namespace puna
