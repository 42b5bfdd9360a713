// core/test_folder.h — for tests: a temporary folder, removed recursively by the destructor.
//
//   TestFolder folder;
//   write_file(folder / "config.json", "{}");
//   folder.names();                                // sorted: {"config.json"}
#pragma once
#include "core/error.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace puna {

class TestFolder {
 public:
    TestFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "puna-test-XXXXXX").string();
        if (!::mkdtemp(name.data())) fail("{}: cannot create: {}", name, system_reason(errno));
        path_ = name;
    }
    ~TestFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TestFolder(const TestFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

    std::vector<std::string> names() const {
        std::vector<std::string> list;
        for (const auto& entry : std::filesystem::directory_iterator(path_))
            list.push_back(entry.path().filename().string());
        std::sort(list.begin(), list.end());
        return list;
    }

 private:
    std::filesystem::path path_;
};

}  // namespace puna
