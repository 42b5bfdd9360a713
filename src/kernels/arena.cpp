#include "kernels/arena.h"

#include "core/checked.h"

#include <algorithm>

namespace puna {

namespace {
constexpr size_t alignment = 64, huge_page = size_t{2} << 20, min_block = size_t{4} << 20;
}

std::byte* Arena::take(size_t n) {
    n = round_up(n, alignment);
    while (at_.block < blocks_.size() && at_.used + n > blocks_[at_.block].size) at_ = {at_.block + 1, 0};
    if (at_.block == blocks_.size()) {
        size_t before = blocks_.empty() ? 0 : blocks_.back().before + blocks_.back().size;
        size_t size = round_up(std::max({n, min_block, before / 2}), huge_page);
        blocks_.push_back(Block{Buffer(kernels_, static_cast<int64_t>(size)), size, before});
    }
    const Block& block = blocks_[at_.block];
    std::byte* pointer = block.buffer.data() + at_.used;
    at_.used += n;
    high_water_ = std::max(high_water_, block.before + at_.used);
    return pointer;
}

Tensor Arena::tensor(Dtype dtype, std::initializer_list<int64_t> sizes) {
    Tensor view(nullptr, dtype, sizes);
    view.data = take(static_cast<size_t>(view.bytes()));
    return view;
}

Tensor Arena::zeros(Stream stream, Dtype dtype, std::initializer_list<int64_t> sizes) {
    Tensor view = tensor(dtype, sizes);
    kernels_.zero(stream, view);
    return view;
}

}  // namespace puna
