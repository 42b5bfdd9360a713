#include "train/trainer.h"

#include "core/mapped_file.h"
#include "core/test_error.h"
#include "data/test_text.h"
#include "model/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace puna {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::Gt;
using testing::HasSubstr;
using testing::Truly;

namespace fs = std::filesystem;

// Packed text, and a recipe of eight steps of four rows on it; a checkpoint after every third step.
class Training : public testing::Test {
 protected:
    Training() {
        folder_.pack(folder_.write("x.txt", some_text(1, 60) + "<|endoftext|>\n" + some_text(2, 60)));
        recipe_.data = folder_.packed();
        recipe_.dim = 16;
        recipe_.layers = 1;
        recipe_.heads = 2;
        recipe_.kv_heads = 1;
        recipe_.ffn = 24;
        recipe_.context = recipe_.length = 32;
        recipe_.batch = 4;
        recipe_.steps = 8;
        recipe_.warm_up = 1;
        recipe_.learning_rate = 1e-2;
        recipe_.checkpoint_every = 3;
    }

    Recipe in(const std::string& name) const {
        Recipe recipe = recipe_;
        recipe.output = (folder_ / name).string();
        return recipe;
    }
    void train(const Recipe& recipe, TrainerHooks hooks = {}) {
        Trainer(choose_kernels(), recipe, Group::alone(), std::move(hooks)).run();
    }
    // The result of a run: the bytes of its model and metrics.
    std::string result(const std::string& name) {
        return read_text(folder_ / name / "model.safetensors") + read_text(folder_ / name / "metrics.jsonl");
    }
    std::vector<StepMetrics> metrics(const std::string& name) { return read_metrics(folder_ / name / "metrics.jsonl"); }

    PackFolder folder_;
    Recipe recipe_;
};

TEST_F(Training, TheLossFallsAndTheModelLoads) {
    recipe_.steps = 30;
    train(in("out"));
    std::vector<StepMetrics> steps = metrics("out");
    ASSERT_EQ(steps.size(), 30u);
    EXPECT_NEAR(steps.front().loss, std::log(360), 0.2) << "random weights know nothing about 360 tokens";
    EXPECT_LT(steps.back().loss, steps.front().loss - 1);
    EXPECT_THAT(steps, Each(Field(&StepMetrics::gradient_norm, Gt(0))));
    Llama llama = load_llama(choose_kernels(), folder_ / "out", {});
    EXPECT_EQ(llama.config.vocabulary, 360);
    EXPECT_EQ(llama.config.dim, 16);
}

TEST_F(Training, AResumedRunHasTheBitsOfAnUninterruptedOne) {
    train(in("whole"));
    for (int64_t last : {2, 4, 7}) {  // before the first checkpoint, after it, after the second
        std::string name = fmt::format("stopped after {}", last);
        auto stop = [&](const TrainReport& report) {
            if (report.metrics.step == last) throw Error("stopped");
        };
        EXPECT_EQ(error_of([&] { train(in(name), {.on_step = stop}); }), "stopped");
        EXPECT_FALSE(fs::exists(folder_ / name / "model.safetensors"));
        std::vector<int64_t> done;
        train(in(name),
              {.resume = true, .on_step = [&](const TrainReport& report) { done.push_back(report.metrics.step); }});
        EXPECT_EQ(done.front(), last / 3 * 3 + 1);
        EXPECT_TRUE(result(name) == result("whole")) << name;
    }
}

TEST_F(Training, PassesOfAnySizeGiveTheSameBits) {
    train(in("whole"));
    for (int64_t rows : {1, 2}) {
        Recipe recipe = in(fmt::format("passes of {}", rows));
        recipe.micro_batch = rows;
        train(recipe);
        EXPECT_TRUE(result(fmt::format("passes of {}", rows)) == result("whole")) << rows;
    }
    Recipe recipe = in("recomputed");
    recipe.recompute = true;
    train(recipe);
    EXPECT_TRUE(result("recomputed") == result("whole"));
}

TEST_F(Training, MetricsHoldTheNormBeforeClipping) {
    Recipe clipped = in("clipped"), free = in("free");
    clipped.optimizer.clip = 1e-3f;
    free.optimizer.clip = 0;
    train(clipped);
    train(free);
    EXPECT_EQ(metrics("clipped")[0].gradient_norm, metrics("free")[0].gradient_norm);
    EXPECT_GT(metrics("clipped")[0].gradient_norm, 1e-3);
    EXPECT_NE(metrics("clipped")[7].loss, metrics("free")[7].loss);
}

TEST_F(Training, ARunThatDivergesStopsAndKeepsItsLastCheckpoint) {
    recipe_.steps = 60;
    recipe_.learning_rate = 900;
    recipe_.optimizer.clip = 0;
    recipe_.checkpoint_every = 1;
    EXPECT_THAT(
        error_of([&] { train(in("out")); }),
        AllOf(HasSubstr(" is not finite"), HasSubstr("lower learning_rate (now "), HasSubstr("resume the run")));
    ASSERT_FALSE(fs::exists(folder_ / "out/model.safetensors"));
    std::optional<fs::path> last = newest_checkpoint(folder_ / "out/checkpoints");
    ASSERT_TRUE(last.has_value());
    Llama llama = seeded_llama(choose_kernels(), config_of(recipe_, 360), 1, {.dtype = Dtype::bf16, .trainable = true});
    Optimizer optimizer(llama, {});
    load_checkpoint(*last, llama, optimizer);
    for (Param* p : llama.params()) {
        if (!p->master) continue;  // the tied output
        EXPECT_THAT(p->master.span<float>(), Each(Truly([](float x) { return std::isfinite(x); }))) << p->name;
    }
}

TEST_F(Training, ValidationIsMeasuredAtItsSteps) {
    recipe_.validation = folder_.packed();
    recipe_.validate_every = 3;
    train(in("out"));
    std::vector<int64_t> validated;
    for (const StepMetrics& step : metrics("out"))
        if (std::isfinite(step.validation_loss) && std::isfinite(step.bits_per_byte)) validated.push_back(step.step);
    EXPECT_THAT(validated, ElementsAre(3, 6, 8)) << "and after the last";
}

TEST_F(Training, RunsAreNeitherOverwrittenNorResumedFromNothing) {
    EXPECT_THAT(error_of([&] { train(in("none"), {.resume = true}); }), HasSubstr("no checkpoint to resume from"));
    train(in("out"));
    std::string before = result("out");
    EXPECT_THAT(error_of([&] { train(in("out")); }), HasSubstr("already contains a training run"));
    EXPECT_TRUE(result("out") == before);
    Recipe other = in("out");
    other.batch = 2;
    EXPECT_THAT(error_of([&] { train(other, {.resume = true}); }), HasSubstr("was trained with batch = 4"));
}

}  // namespace
}  // namespace puna
