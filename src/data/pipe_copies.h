// data/pipe_copies.h — copies of the inputs that can be read only once: pipes and devices.
//
//   PipeCopies copies(files, "packed/inputs");       // sets InputFile::copy
//
// They lie in this folder, which the destructor removes. Without such inputs there is none.
#pragma once
#include "data/input_files.h"

#include <filesystem>
#include <vector>

namespace puna {

class PipeCopies {
 public:
    PipeCopies(std::vector<InputFile>& files, const std::filesystem::path& folder);
    ~PipeCopies();
    PipeCopies(const PipeCopies&) = delete;

 private:
    std::filesystem::path folder_;
};

}  // namespace puna
