// core/arena.h — memory that grows like a stack and is given back by rewinding.
//
//   Arena arena;
//   Arena::Mark mark = arena.mark();
//   Tensor x = arena.tensor(Dtype::f32, {tokens, dim});     // 64-byte aligned, not cleared
//   arena.rewind(mark);                                      // x is gone
//
// Blocks are kept and reused in the same order, so addresses repeat from step to step.
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

// n bytes aligned for any vector, in huge pages where the system gives them; not cleared. Throws Error when there is no
// memory left.
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
    size_t high_water() const { return high_water_; }  // most bytes that were in use at once

 private:
    struct Block {
        AlignedBytes bytes;
        size_t size = 0, before = 0;  // before: bytes of all earlier blocks
    };
    std::byte* take(size_t n);

    std::vector<Block> blocks_;
    Mark at_;
    size_t high_water_ = 0;
};

}  // namespace puna
