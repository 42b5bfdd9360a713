#include "train/trainer.h"

#include "core/atomic_file.h"
#include "core/fields.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "data/test_text.h"
#include "model/checkpoint_folders.h"
#include "model/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>

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
    TrainResult train(const Recipe& recipe, TrainerHooks hooks = {}) {
        return Trainer(choose_kernels(), recipe, Group::alone(), std::move(hooks)).run();
    }
    RunFacts facts(const std::string& name) {
        fs::path path = folder_ / name / "checkpoints/run.json";
        return parse_run_facts(read_text(path), path.string());
    }
    // The result of a run: the bytes of its model and metrics.
    std::string result_of(const std::string& name) {
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
        EXPECT_TRUE(result_of(name) == result_of("whole")) << name;
    }
}

TEST_F(Training, PassesOfAnySizeGiveTheSameBits) {
    train(in("whole"));
    for (int64_t rows : {1, 2}) {
        Recipe recipe = in(fmt::format("passes of {}", rows));
        recipe.micro_batch = rows;
        train(recipe);
        EXPECT_TRUE(result_of(fmt::format("passes of {}", rows)) == result_of("whole")) << rows;
    }
    Recipe recipe = in("recomputed");
    recipe.recompute = true;
    train(recipe);
    EXPECT_TRUE(result_of("recomputed") == result_of("whole"));
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

TEST_F(Training, ACheckpointOfTheLowestValidationLossIsWrittenAndKept) {
    recipe_.validation = folder_.packed();
    recipe_.validate_every = 1;
    recipe_.checkpoint_every = 0;
    recipe_.keep_checkpoints = 1;
    for (bool keep : {true, false}) {
        Recipe recipe = in(keep ? "kept" : "not kept");
        recipe.keep_best = keep;
        train(recipe);
        recipe.steps = 10;
        recipe.learning_rate = 50;  // destroys the model
        recipe.final_learning_rate = 1;
        train(recipe, {.resume = true});
        std::vector<StepMetrics> steps = metrics(keep ? "kept" : "not kept");
        auto best = std::min_element(steps.begin(), steps.end(), [](const StepMetrics& a, const StepMetrics& b) {
            return a.validation_loss < b.validation_loss;
        });
        ASSERT_LE(best->step, 8);
        std::vector<std::string> names;
        for (const fs::path& path : complete_checkpoints(fs::path(recipe.output) / "checkpoints"))
            names.push_back(path.filename().string());
        EXPECT_EQ(names.front(), checkpoint_name(10));
        EXPECT_EQ(names.size(), keep ? 2u : 1u);
        EXPECT_EQ(names.back(), checkpoint_name(keep ? best->step : 10));
    }
}

TEST_F(Training, AFinishedRunThatGoesOnStandsForItsNewestCheckpoint) {
    Recipe recipe = in("out");
    train(recipe);
    fs::path out = recipe.output;
    EXPECT_EQ(find_model(out), out);
    recipe.steps = 20;
    std::vector<fs::path> models;
    auto see = [&](const TrainReport&) { models.push_back(find_model(out)); };
    auto stop = [&] { return models.size() == 3; };
    train(recipe, {.resume = true, .on_step = see, .stop = stop});
    fs::path ninth = out / "checkpoints" / checkpoint_name(9);
    EXPECT_THAT(models, ElementsAre(out, ninth, ninth)) << "the old model until there is a newer one";
    EXPECT_EQ(find_model(out), out / "checkpoints" / checkpoint_name(11));
    train(recipe, {.resume = true});
    EXPECT_EQ(find_model(out), out);
}

TEST_F(Training, AFinishedRunThatTakesNoFurtherStepKeepsItsModel) {
    Recipe recipe = in("out"), longer = recipe;
    train(recipe);
    fs::path model = fs::path(recipe.output) / "model.safetensors";
    std::string before = read_text(model);
    longer.steps = 20;
    EXPECT_EQ(train(longer, {.resume = true, .stop = [] { return true; }}).step, recipe.steps);
    EXPECT_EQ(read_text(model), before);
    EXPECT_FALSE(train(recipe, {.resume = true}).stopped) << "as before, it is finished";
}

TEST_F(Training, FilesThatAreAddedToAFolderWhileItTrainsStay) {
    Recipe recipe = in("out");
    recipe.checkpoint_every = 2;
    fs::path notes = fs::path(recipe.output) / "README.md";
    train(recipe, {.on_step =
                       [&](const TrainReport& r) {
                           if (r.metrics.step == 1) write_file(notes, "my notes");
                       },
                   .stop =
                       [&] {
                           return fs::exists(notes) &&
                                  complete_checkpoints(notes.parent_path() / "checkpoints").size() > 0;
                       }});
    EXPECT_EQ(read_text(notes), "my notes");
}

TEST_F(Training, ARecipeThatNeedsTooMuchMemoryIsToldBeforeItIsUsed) {
    for (int64_t batch : {4, 1 << 20}) {
        Recipe recipe = in(fmt::format("batch {}", batch));
        recipe.batch = batch;
        recipe.ffn = 4096;  // activations of more than a terabyte, and a small model
        testing::internal::CaptureStderr();
        auto stop = [](const TrainStart&) { throw Error("stopped"); };
        EXPECT_EQ(error_of([&] { train(recipe, {.on_start = stop}); }), "stopped");
        std::string logged = testing::internal::GetCapturedStderr();
        EXPECT_EQ(logged.find("training needs about ") != logged.npos, batch > 4) << logged;
    }
}

TEST_F(Training, AStopFinishesTheStepAndWritesACheckpoint) {
    train(in("whole"));
    for (int64_t last : {0, 2, 6}) {
        std::string name = fmt::format("stopped after {}", last);
        int64_t done = 0;
        TrainResult result = train(in(name), {.on_step = [&](const TrainReport& r) { done = r.metrics.step; },
                                              .stop = [&] { return done == last; }});
        EXPECT_TRUE(result.stopped);
        EXPECT_EQ(result.step, last);
        EXPECT_EQ(newest_checkpoint(folder_ / name / "checkpoints")->filename(), checkpoint_name(last));
        EXPECT_EQ(facts(name).end, RunEnd::stopped);
        EXPECT_FALSE(train(in(name), {.resume = true}).stopped);
        EXPECT_TRUE(result_of(name) == result_of("whole")) << name;
        EXPECT_EQ(facts(name).end, RunEnd::finished);
    }
}

TEST_F(Training, ARequestToStopAfterTheLastStepChangesNothing) {
    int64_t done = 0;
    TrainResult result = train(in("out"), {.on_step = [&](const TrainReport& r) { done = r.metrics.step; },
                                           .stop = [&] { return done == 8; }});
    EXPECT_FALSE(result.stopped);
    EXPECT_TRUE(fs::exists(folder_ / "out/model.safetensors"));
}

TEST_F(Training, ItsFactsAreKnownFromTheStart) {
    Recipe recipe = in("out");
    std::optional<RunFacts> at_start;
    train(recipe, {.command = {"train", "x"}, .version = "1.2.3", .on_start = [&](const TrainStart& start) {
                       at_start = facts("out");
                       EXPECT_EQ(start.config.vocabulary, 360);
                       EXPECT_EQ(start.step, 0);
                   }});
    ASSERT_TRUE(at_start);
    EXPECT_EQ(at_start->end, RunEnd::none);
    EXPECT_EQ(at_start->command, (std::vector<std::string>{"train", "x"}));
    EXPECT_EQ(at_start->version, "1.2.3");
    EXPECT_EQ(at_start->data.documents, 2);
    EXPECT_EQ(at_start->parameters, parameter_count(config_of(recipe_, 360)));
    Recipe read = read_run_recipe(folder_ / "out");
    EXPECT_EQ(to_json(list_fields(read)), at_start->recipe);
}

TEST_F(Training, AFailureIsInTheFacts) {
    auto fail_at_four = [](const TrainReport& report) {
        if (report.metrics.step == 4) fail("four");
    };
    EXPECT_EQ(error_of([&] { train(in("out"), {.on_step = fail_at_four}); }), "four");
    EXPECT_EQ(facts("out").end, RunEnd::failed);
    EXPECT_EQ(facts("out").problem, "four");
}

TEST_F(Training, ARunThatCannotResumeStaysAsItWas) {
    train(in("out"));
    std::string before = read_text(folder_ / "out/checkpoints/run.json");
    Recipe other = in("out");
    other.learning_rate = 0.5;
    EXPECT_THAT(error_of([&] { train(other, {.resume = true}); }), HasSubstr("has no effect; raise steps too"));
    EXPECT_EQ(read_text(folder_ / "out/checkpoints/run.json"), before);
}

TEST_F(Training, ARunResumesWithoutTheModelThatItContinues) {
    train(in("base"));
    Recipe recipe = in("tuned"), whole = in("whole");
    recipe.from = whole.from = (folder_ / "base").string();
    train(whole);
    int64_t done = 0;
    train(recipe, {.on_step = [&](const TrainReport& r) { done = r.metrics.step; }, .stop = [&] { return done == 5; }});
    fs::rename(folder_ / "base", folder_ / "moved");
    train(recipe, {.resume = true});
    EXPECT_TRUE(result_of("tuned") == result_of("whole"));
}

TEST_F(Training, SamplesAreInTheMetrics) {
    recipe_.sample_every = 3;
    train(in("out"), {.sample = [](Llama&, int64_t step) { return TextSample{"p", fmt::format("at {}", step)}; }});
    std::vector<std::string> samples;
    for (const StepMetrics& step : metrics("out"))
        if (step.sample) samples.push_back(step.sample->text);
    EXPECT_THAT(samples, ElementsAre("at 3", "at 6", "at 8"));
}

TEST_F(Training, EpochsGiveTheStepsAndHeldOutDataTheValidation) {
    recipe_.epochs = 1.5;
    Recipe resolved = resolve(in("out"));
    int64_t rows = Loader(recipe_.data, {.length = 32}).rows_per_epoch();
    EXPECT_EQ(resolved.steps, (3 * rows + 7) / 8);
    EXPECT_EQ(resolved.epochs, 0);
    EXPECT_EQ(resolved.validation, "none") << "there is none";
    fs::create_directories(folder_ / "set");
    fs::copy(recipe_.data, folder_ / "set", fs::copy_options::recursive);
    fs::copy(recipe_.data, folder_ / "set/validation", fs::copy_options::recursive);
    recipe_.data = (folder_ / "set").string();
    EXPECT_EQ(resolve(in("out")).validation, recipe_.data + "/validation");
    recipe_.validation = "none";
    EXPECT_EQ(resolve(in("out")).validation, "none");
    recipe_.epochs = 1;
    recipe_.validation = "";
    TrainResult result = train(in("out"));
    EXPECT_EQ(result.step, (rows + 3) / 4);
    EXPECT_TRUE(std::isfinite(metrics("out").back().validation_loss));
}

TEST_F(Training, ForceReplacesARunAndNothingElse) {
    train(in("out"));
    write_file(folder_ / "out/mine.txt", "kept");
    train(in("out"), {.force = true});
    EXPECT_EQ(metrics("out").size(), 8u);
    EXPECT_EQ(read_text(folder_ / "out/mine.txt"), "kept");
    fs::create_directories(folder_ / "other");
    write_file(folder_ / "other/README.md", "kept");
    EXPECT_THAT(error_of([&] { train(in("other"), {.force = true}); }), HasSubstr("README.md: already exists"));
    EXPECT_EQ(read_text(folder_ / "other/README.md"), "kept");
}

TEST_F(Training, AFolderThatWasLeftKeepsThePathsOfTheRun) {
    fs::path here = fs::current_path();
    fs::current_path(folder_.path());
    Recipe recipe = in("out");
    recipe.data = fs::relative(recipe_.data).string();
    train(recipe, {.stop = [] { return true; }});
    EXPECT_EQ(read_run_recipe("out").data, recipe.data);
    fs::current_path(here);
    EXPECT_EQ(fs::canonical(read_run_recipe(folder_ / "out").data), fs::canonical(recipe_.data));
}

TEST_F(Training, RunsAreNeitherOverwrittenNorResumedFromNothing) {
    EXPECT_THAT(error_of([&] { train(in("none"), {.resume = true}); }),
                HasSubstr("contains no training run to resume"));
    train(in("out"));
    std::string before = result_of("out");
    EXPECT_THAT(error_of([&] { train(in("out")); }), HasSubstr("already contains a training run"));
    EXPECT_TRUE(result_of("out") == before);
    Recipe other = in("out");
    other.batch = 2;
    EXPECT_THAT(error_of([&] { train(other, {.resume = true}); }), HasSubstr("was trained with batch = 4"));
}

}  // namespace
}  // namespace puna
