// The memory of operator new, which this program counts as fuzz targets do (core/fuzz.h).
//
//   MemoryLimit limit(2 * size);          // what is allocated beyond it ends the program
#pragma once
#include <cstddef>

namespace puna {

class MemoryLimit {
 public:
    explicit MemoryLimit(size_t more_bytes);  // than are allocated now
    ~MemoryLimit() { lift(); }
    MemoryLimit(const MemoryLimit&) = delete;
    void lift();
};

}  // namespace puna
