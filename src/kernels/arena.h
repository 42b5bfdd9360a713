// kernels/arena.h — stack allocator in the memory of a kernel table: memory is released by rewinding to a mark.
//
//   Arena arena(kernels);
//   Arena::Mark mark = arena.mark();
//   Tensor x = arena.tensor(Dtype::f32, {tokens, dim});     // 64-byte aligned, uninitialized
//   arena.rewind(mark);                                      // x is released
//
// Blocks are retained and reused in the same order, so addresses repeat from step to step. Not thread-safe.
#pragma once
#include "kernels/buffer.h"

#include <cstddef>
#include <vector>

namespace puna {

class Arena {
 public:
    explicit Arena(const Kernels& kernels) : kernels_(kernels) {}

    struct Mark {
        size_t block = 0, used = 0;
    };

    const Kernels& kernels() const { return kernels_; }
    Tensor tensor(Dtype dtype, std::initializer_list<int64_t> sizes);  // throws Error: out_of_memory
    Tensor zeros(Stream stream, Dtype dtype, std::initializer_list<int64_t> sizes);
    Mark mark() const { return at_; }
    void rewind(Mark mark) { at_ = mark; }
    size_t high_water() const { return high_water_; }  // peak bytes in use

 private:
    struct Block {
        Buffer buffer;
        size_t size = 0, before = 0;  // before: total bytes of all earlier blocks
    };
    std::byte* take(size_t n);

    const Kernels& kernels_;
    std::vector<Block> blocks_;
    Mark at_;
    size_t high_water_ = 0;
};

}  // namespace puna
