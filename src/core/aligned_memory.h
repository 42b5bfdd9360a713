// core/aligned_memory.h — uninitialized host memory, aligned for any vector register, in huge pages where available.
//
//   AlignedBytes bytes = allocate_aligned(n);
#pragma once
#include <cstddef>
#include <memory>

namespace puna {

struct FreeDeleter {
    void operator()(void* pointer) const;
};
using AlignedBytes = std::unique_ptr<std::byte[], FreeDeleter>;

// n bytes. Throws Error of the kind out_of_memory.
AlignedBytes allocate_aligned(size_t n);

}  // namespace puna
