// core/test_folder.h — for tests: a temporary folder, removed recursively by the destructor.
//
//   TestFolder folder;
//   write_file(folder / "config.json", "{}");
//   folder.names();                                // sorted: {"config.json"}
#pragma once
#include "core/folders.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace puna {

class TestFolder : public TemporaryFolder {
 public:
    TestFolder() : TemporaryFolder("puna-test") {}

    std::vector<std::string> names() const {
        std::vector<std::string> list;
        for (const auto& entry : std::filesystem::directory_iterator(path()))
            list.push_back(entry.path().filename().string());
        std::sort(list.begin(), list.end());
        return list;
    }
};

}  // namespace puna
