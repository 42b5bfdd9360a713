// core/arena.h — stack allocator: memory is released by rewinding to a mark.
//
//   Arena arena;
//   Arena::Mark mark = arena.mark();
//   Tensor x = arena.tensor(Dtype::f32, {tokens, dim});     // 64-byte aligned, uninitialized
//   arena.rewind(mark);                                      // x is released
//
// Blocks are retained and reused in the same order, so addresses repeat from step to step. Not thread-safe.
#pragma once
#include "core/tensor.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace puna {

struct FreeDeleter {
    void operator()(void* pointer) const;
};
using AlignedBytes = std::unique_ptr<std::byte[], FreeDeleter>;

// n uninitialized bytes, aligned for any vector register, in huge pages where available. Throws OutOfMemory.
AlignedBytes allocate_aligned(size_t n);

class Arena {
 public:
    struct Mark {
        size_t block = 0, used = 0;
    };

    Tensor tensor(Dtype dtype, std::initializer_list<int64_t> sizes);
    Tensor zeros(Dtype dtype, std::initializer_list<int64_t> sizes);
    Mark mark() const { return at_; }
    void rewind(Mark mark) { at_ = mark; }
    size_t high_water() const { return high_water_; }  // peak bytes in use

 private:
    struct Block {
        AlignedBytes bytes;
        size_t size = 0, before = 0;  // before: total bytes of all earlier blocks
    };
    std::byte* take(size_t n);

    std::vector<Block> blocks_;
    Mark at_;
    size_t high_water_ = 0;
};

}  // namespace puna
