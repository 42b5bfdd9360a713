#include "train/training_memory.h"

#include "data/test_text.h"
#include "train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>

namespace puna {

namespace {

using testing::HasSubstr;

// Counts what is allocated with a kernel table.
struct Counter {
    std::mutex mutex;
    std::map<void*, int64_t> sizes;
    int64_t now = 0, most = 0;
} counter;

void* allocate(size_t bytes) {
    void* memory = choose_kernels().memory.allocate(bytes);
    std::lock_guard lock(counter.mutex);
    counter.sizes[memory] = static_cast<int64_t>(bytes);
    counter.now += static_cast<int64_t>(bytes);
    counter.most = std::max(counter.most, counter.now);
    return memory;
}

void release(void* memory) {
    std::lock_guard lock(counter.mutex);
    auto found = counter.sizes.find(memory);
    if (found != counter.sizes.end()) {
        counter.now -= found->second;
        counter.sizes.erase(found);
    }
    choose_kernels().memory.release(memory);
}

class TrainingMemoryTest : public testing::Test {
 protected:
    TrainingMemoryTest() {
        folder_.pack(folder_.write("x.txt", some_text(1, 400)), {.validation_share = 0});
        recipe_.data = folder_.packed();
        recipe_.validation = "none";
        recipe_.dim = 64;
        recipe_.layers = 6;
        recipe_.heads = 4;
        recipe_.kv_heads = 2;
        recipe_.ffn = 176;
        recipe_.context = recipe_.length = 512;
        recipe_.batch = 8;
        recipe_.steps = 2;
        recipe_.sample_every = recipe_.checkpoint_every = 0;
    }

    TrainingMemory planned(const Recipe& recipe) {
        return plan_training_memory(config_of(recipe, 360), recipe, recipe.batch);
    }
    // The most that was allocated at once, relative to what was planned.
    double allocated(Recipe recipe) {
        recipe.output = (folder_ / fmt::format("run {}", runs_++)).string();
        Kernels kernels = choose_kernels();
        kernels.memory.allocate = allocate;
        kernels.memory.release = release;
        counter.most = counter.now;
        int64_t before = counter.now;
        Trainer(kernels, recipe, Group::alone(), {}).run();
        return static_cast<double>(counter.most - before) / planned(recipe).total();
    }

    PackFolder folder_;
    Recipe recipe_;
    int runs_ = 0;
};

}  // namespace

// Arenas allocate blocks of up to half of what they have; what is not used of these, the system does not provide.
TEST_F(TrainingMemoryTest, IsWhatARunAllocates) {
    auto is_close = testing::AllOf(testing::Ge(0.95), testing::Le(1.6));
    EXPECT_THAT(allocated(recipe_), is_close) << describe(planned(recipe_));
    recipe_.micro_batch = 1;
    EXPECT_THAT(allocated(recipe_), is_close) << describe(planned(recipe_));
    recipe_.micro_batch = 0;
    recipe_.recompute = true;
    EXPECT_THAT(allocated(recipe_), is_close) << describe(planned(recipe_));
    recipe_.dim = recipe_.ffn = 512;
    recipe_.layers = 4;
    recipe_.length = 64;
    recipe_.batch = 2;
    EXPECT_THAT(allocated(recipe_), is_close) << describe(planned(recipe_));
    recipe_.type = Dtype::f32;
    recipe_.gradient_sum = SumOrder::running;
    EXPECT_THAT(allocated(recipe_), is_close) << describe(planned(recipe_));
}

TEST_F(TrainingMemoryTest, OfARecipeBeyondAnyMachineIsANumber) {
    recipe_.dim = recipe_.ffn = 1 << 20;
    recipe_.heads = recipe_.kv_heads = 1 << 13;
    recipe_.layers = 1 << 10;
    recipe_.batch = recipe_.length = recipe_.context = 1 << 20;
    EXPECT_GT(planned(recipe_).total(), 1e16);
    EXPECT_THAT(describe(planned(recipe_)), HasSubstr("activations"));
}

}  // namespace puna
