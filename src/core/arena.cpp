#include "core/arena.h"

#include "core/checked.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace puna {

namespace {
constexpr size_t alignment = 64, page = size_t{2} << 20, min_block = size_t{4} << 20;
}

void FreeDeleter::operator()(void* pointer) const { std::free(pointer); }

AlignedBytes allocate_aligned(size_t n) {
    size_t unit = n >= page ? page : alignment;
    void* pointer = std::aligned_alloc(unit, round_up(std::max<size_t>(n, 1), unit));
    if (!pointer) throw OutOfMemory(fmt::format("out of memory: cannot allocate {} MiB", n >> 20));
    if (unit == page) madvise(pointer, n, MADV_HUGEPAGE);
    return AlignedBytes(static_cast<std::byte*>(pointer));
}

std::byte* Arena::take(size_t n) {
    n = round_up(n, alignment);
    while (at_.block < blocks_.size() && at_.used + n > blocks_[at_.block].size) at_ = {at_.block + 1, 0};
    if (at_.block == blocks_.size()) {
        size_t before = blocks_.empty() ? 0 : blocks_.back().before + blocks_.back().size;
        size_t size = round_up(std::max({n, min_block, before / 2}), page);
        blocks_.push_back(Block{allocate_aligned(size), size, before});
    }
    const Block& block = blocks_[at_.block];
    std::byte* pointer = block.bytes.get() + at_.used;
    at_.used += n;
    high_water_ = std::max(high_water_, block.before + at_.used);
    return pointer;
}

Tensor Arena::tensor(Dtype dtype, std::initializer_list<int64_t> sizes) {
    Tensor view(nullptr, dtype, sizes);
    view.data = take(static_cast<size_t>(view.bytes()));
    return view;
}

Tensor Arena::zeros(Dtype dtype, std::initializer_list<int64_t> sizes) {
    Tensor view = tensor(dtype, sizes);
    std::memset(view.data, 0, static_cast<size_t>(view.bytes()));
    return view;
}

}  // namespace puna
