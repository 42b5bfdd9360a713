#include "nn/gradients.h"

#include <algorithm>
#include <bit>

namespace puna {

namespace {

// Bitmask of the tree levels that hold a partial sum after some pass: the bits set in any running chunk count.
uint64_t levels_between_passes(const GradientPlan& plan) {
    if (plan.running) return 1;
    uint64_t levels = 0;
    for (int64_t done = plan.chunks_per_pass; done < plan.chunks_per_step; done += plan.chunks_per_pass)
        levels |= static_cast<uint64_t>(done);
    return levels | static_cast<uint64_t>(plan.chunks_per_step);
}

}  // namespace

GradientLevels levels_of(const GradientPlan& plan) {
    uint64_t levels = levels_between_passes(plan);
    int all = std::popcount(levels);
    return {all, static_cast<int>(std::bit_width(levels)) - all};
}

Gradients::Gradients(const Kernels& kernels, int64_t elements, GradientPlan plan, const Param* chunkwise)
    : kernels_(kernels), elements_(elements), running_(plan.running), chunkwise_(chunkwise) {
    check(plan.chunks_per_pass > 0 && plan.chunks_per_step > 0, "gradients: {} chunks per pass, {} per step",
          plan.chunks_per_pass, plan.chunks_per_step);
    uint64_t levels = levels_between_passes(plan);
    auto floats = [&](int64_t n) { return Buffer(kernels, *bytes_of(Dtype::f32, n)); };
    for (int k = 0; levels >> k; ++k) {
        bool needed = levels >> k & 1;
        level_.push_back(needed ? floats(elements) : Buffer());
        chunkwise_level_.push_back(!needed && chunkwise ? floats(chunkwise->weight.count()) : Buffer());
    }
}

TreeSum Gradients::sum_of(const Param& param, std::span<const int64_t> chunk, std::vector<Tensor>& levels,
                          int64_t earlier) const {
    levels.clear();
    for (size_t k = 0; k < level_.size(); ++k) {
        Tensor view = param.values(nullptr);
        view.data = level_[k] ? level_[k].data() + *bytes_of(Dtype::f32, param.offset) : nullptr;
        if (!view.data && &param == chunkwise_) view.data = chunkwise_level_[k].data();
        levels.push_back(view);
    }
    return {levels, chunks_done_ + earlier, chunk, running_};
}

Tensor Gradients::finish(Stream stream) {
    Tensor sum;
    uint64_t nonempty = running_ ? 1 : static_cast<uint64_t>(chunks_done_);
    for (size_t k = 0; k < level_.size(); ++k) {
        if (!(nonempty >> k & 1)) continue;
        check(static_cast<bool>(level_[k]), "gradients: level {} is not allocated, after {} chunks", k, chunks_done_);
        Tensor level(level_[k].data(), Dtype::f32, {elements_});
        if (sum) kernels_.add(stream, level, level, sum);
        sum = level;
    }
    check(static_cast<bool>(sum), "gradients: finish without a pass");
    chunks_done_ = 0;
    return sum;
}

}  // namespace puna
