// data/pipe_copies.h — copies of the inputs that can be read only once: pipes and devices.
//
//   PipeCopies copies(files, "packed/inputs", check_stop);       // sets InputFile::copy
//
// They lie in this folder, which the destructor removes. Without such inputs there is none. check_stop is called again
// and again while they are made, as a pipe may never end: it may throw.
#pragma once
#include "data/input_descriptor.h"
#include "data/input_files.h"

#include <filesystem>
#include <vector>

namespace puna {

class PipeCopies {
 public:
    PipeCopies(std::vector<InputFile>& files, const std::filesystem::path& folder, const CheckStop& check_stop);
    ~PipeCopies();
    PipeCopies(const PipeCopies&) = delete;

 private:
    std::filesystem::path folder_;
};

}  // namespace puna
