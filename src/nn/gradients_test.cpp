#include "nn/gradients.h"

#include "core/random.h"
#include "kernels/arena.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace puna {
namespace {

constexpr int64_t chunks = 12, rows = 5, O = 6, D = 9;  // rows: tokens per chunk

// A training step of twelve chunks through one matrix [O, D], whose gradient starts at offset 4.
class Step {
 public:
    Step() {
        for (Tensor* t : {&x_, &dout_}) {
            *t = arena_.tensor(Dtype::f32, {chunks * rows, t == &x_ ? D : O});
            for (float& value : t->span<float>()) value = random_.normal();
        }
        matrix_.weight = arena_.tensor(Dtype::f32, {O, D});
        matrix_.offset = 4;
    }

    const Param& matrix() const { return matrix_; }
    static constexpr int64_t elements = 4 + O * D;

    // In passes of `per_pass` chunks; each call within a pass adds `chunks_per_call` of them, 0: all.
    std::vector<float> run(Gradients& gradients, int64_t per_pass, int64_t chunks_per_call = 0) const {
        for (int64_t first = 0; first < chunks; first += per_pass) {
            int64_t n = std::min(per_pass, chunks - first), per_call = chunks_per_call ? chunks_per_call : n;
            for (int64_t done = 0; done < n; done += per_call)
                add(gradients, first + done, std::min(per_call, n - done), done);
            gradients.advance(n);
        }
        std::span<float> sum = gradients.finish().span<float>().subspan(4);
        return {sum.begin(), sum.end()};
    }
    std::vector<float> run(GradientPlan plan) const {
        Gradients gradients(choose_kernels(), elements, plan);
        return run(gradients, plan.chunks_per_pass);
    }

 private:
    void add(Gradients& gradients, int64_t first, int64_t n, int64_t added_before) const {
        std::vector<int64_t> chunk;
        for (int64_t c = 0; c <= n; ++c) chunk.push_back((first + c) * rows);
        std::vector<Tensor> levels;
        choose_kernels().matmul_weight_gradient({}, gradients.sum_of(matrix_, chunk, levels, added_before), dout_, x_,
                                                Dtype::f32);
        choose_kernels().matmul_weight_gradient({}, {{}, 0, chunk}, x_, x_,
                                                Dtype::f32);  // another weight's: overwrites scratch memory
    }

    Arena arena_{choose_kernels()};
    Random random_{7};
    Tensor x_, dout_;
    Param matrix_{.name = "w"};
};

GradientPlan passes_of(int64_t n) { return {.chunks_per_pass = n, .chunks_per_step = chunks}; }

TEST(Gradients, AnySplitOfAStepIntoPassesIsBitIdentical) {
    Step step;
    std::vector<float> one_pass = step.run(passes_of(chunks));
    for (int64_t n : {1, 2, 3, 4, 5, 6, 7}) EXPECT_EQ(step.run(passes_of(n)), one_pass) << "in passes of " << n;
}

TEST(Gradients, RunningSumIsCloseToTheTreeSumButNotIdentical) {
    Step step;
    std::vector<float> tree = step.run(passes_of(1)),
                       running = step.run({.chunks_per_pass = 1, .chunks_per_step = chunks, .running = true});
    EXPECT_NE(running, tree);
    for (size_t i = 0; i < tree.size(); ++i) EXPECT_NEAR(running[i], tree[i], 1e-4);
}

TEST(Gradients, FinishResetsForTheNextStep) {
    Step step;
    for (bool running : {false, true}) {
        Gradients gradients(choose_kernels(), Step::elements,
                            {.chunks_per_pass = 4, .chunks_per_step = chunks, .running = running});
        std::vector<float> first = step.run(gradients, 4);
        EXPECT_EQ(step.run(gradients, 4), first);
    }
    EXPECT_THROW(Gradients(choose_kernels(), Step::elements, passes_of(4)).finish(), Bug);
}

// Calls of one chunk leave sums in levels that passes of four never use; those exist for this weight only.
TEST(Gradients, ChunkwiseWeightGradientIsBitIdentical) {
    Step step;
    Gradients gradients(choose_kernels(), Step::elements, passes_of(4), &step.matrix());
    EXPECT_EQ(step.run(gradients, 4, 1), step.run(passes_of(chunks)));
}

}  // namespace
}  // namespace puna
