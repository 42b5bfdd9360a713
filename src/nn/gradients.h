// nn/gradients.h — the gradients of all trainable weights in one flat f32 vector, summed over the chunks of the step's
// global batch in a fixed binary tree (kernels.h, TreeSum).
//
//   Gradients gradients(kernels, elements, GradientPlan{.chunks_per_pass = 4, .chunks_per_step = 16}, &head);
//   for (Pass& pass : passes) pass.backward(), gradients.advance(chunks);     // each made with &gradients
//   Tensor sum = gradients.finish();                   // f32 [elements]; and resets for the next step
#pragma once
#include "kernels/buffer.h"
#include "nn/param.h"

#include <cstdint>
#include <span>
#include <vector>

namespace puna {

struct GradientPlan {
    int64_t chunks_per_pass = 1, chunks_per_step = 1;
    bool running = false;  // one running sum instead of the tree (TreeSum::running)
};

// How many sums of all weights' gradients a plan holds between passes, and how many more of the chunkwise weight.
struct GradientLevels {
    int all = 0, chunkwise = 0;
};
GradientLevels levels_of(const GradientPlan& plan);

class Gradients {
 public:
    // Allocates only the tree levels that hold partial sums between passes: one level with one pass per step. All
    // levels are allocated for `chunkwise`, the weight whose gradient is added one chunk at a time (the head, to avoid
    // holding the logits of a whole batch).
    Gradients(const Kernels& kernels, int64_t elements, GradientPlan plan, const Param* chunkwise = nullptr);

    // The destination of the gradient of `param`; `earlier`: chunks of this pass that previous calls added. The result
    // is a view of `chunk` and `levels`, which must outlive it.
    TreeSum sum_of(const Param& param, std::span<const int64_t> chunk, std::vector<Tensor>& levels,
                   int64_t earlier = 0) const;
    void advance(int64_t chunks) { chunks_done_ += chunks; }
    Tensor finish(Stream stream = {});

 private:
    const Kernels& kernels_;
    int64_t elements_, chunks_done_ = 0;
    bool running_;
    const Param* chunkwise_;
    std::vector<Buffer> level_;            // by level; empty: not needed between passes
    std::vector<Buffer> chunkwise_level_;  // for chunkwise_ only, where level_ is empty
};

}  // namespace puna
