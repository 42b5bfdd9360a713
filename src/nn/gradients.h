// nn/gradients.h — the gradients of all trainable weights in one row of numbers, summed over chunks of the step's
// global batch in a fixed binary tree (kernels.h, TreeSum).
//
//   Gradients gradients(numbers, GradientPlan{.chunks_per_pass = 4, .chunks_per_step = 16}, &head);
//   for (Pass& pass : passes) pass.backward(), gradients.advance(chunks);     // each made with &gradients
//   std::span<float> sum = gradients.finish();         // and begins the next step
#pragma once
#include "core/arena.h"
#include "kernels/kernels.h"
#include "nn/param.h"

#include <cstdint>
#include <span>
#include <vector>

namespace puna {

struct GradientPlan {
    int64_t chunks_per_pass = 1, chunks_per_step = 1;
    bool running = false;  // one running sum instead of the tree (TreeSum::running)
};

class Gradients {
 public:
    // Levels are kept only where passes leave something in them: with one pass a step there is one. `chunkwise` is the
    // weight whose gradient comes a chunk at a time (the head, whose logits must not all exist at once): all of its
    // are.
    Gradients(int64_t numbers, GradientPlan plan, const Param* chunkwise = nullptr);

    // Where the gradient of `param` goes; `earlier` chunks of this pass were added by other calls. The result looks at
    // chunk and levels.
    TreeSum sum_of(const Param& param, std::span<const int64_t> chunk, std::vector<Tensor>& levels,
                   int64_t earlier = 0) const;
    void advance(int64_t chunks) { done_ += chunks; }
    std::span<float> finish();

 private:
    int64_t numbers_, done_ = 0;
    bool running_;
    const Param* chunkwise_;
    std::vector<AlignedBytes> level_;            // empty where never kept
    std::vector<AlignedBytes> chunkwise_level_;  // of chunkwise_ alone, where level_ is empty
};

}  // namespace puna
