#include "train/checkpoint.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "model/checkpoint_folders.h"
#include "model/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <csignal>

namespace puna {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

namespace fs = std::filesystem;

constexpr const char *first = "step-00000001", *second = "step-00000002", *third = "step-00000003";

// A small model and its optimizer; each step changes weights and moments.
struct SmallRun {
    explicit SmallRun(int64_t dim = 8)
        : llama(seeded_llama(choose_kernels(),
                             {.dim = dim,
                              .layers = 1,
                              .heads = 2,
                              .kv_heads = 1,
                              .head_dim = 4,
                              .ffn = 12,
                              .vocabulary = 10,
                              .attention_bias = true,
                              .mlp_bias = true},
                             5, {.dtype = Dtype::f32, .trainable = true})),
          optimizer(llama, {}) {}

    void step() {
        std::vector<float> gradients(static_cast<size_t>(gradient_elements(llama)));
        for (size_t i = 0; i < gradients.size(); ++i) gradients[i] = static_cast<float>(i % 7) - 3;
        optimizer.step(llama, {gradients.data(), Dtype::f32, {std::ssize(gradients)}}, 0.01);
    }
    // Weights, means and mean squares.
    std::vector<float> values() {
        std::vector<float> all;
        for (Param* p : llama.params())
            for (Tensor part : {p->master, optimizer.mean(*p), optimizer.mean_square(*p)})
                all.insert(all.end(), part.span<float>().begin(), part.span<float>().end());
        return all;
    }

    Llama llama;
    Optimizer optimizer;
};

void flip_last_byte(const fs::path& path) {
    std::string bytes = read_text(path);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write_file(path, bytes);
}

class Checkpoints : public testing::Test {
 protected:
    void save(int64_t step, const CheckpointsToKeep& keep = {.newest = 9}) {
        run_.step();
        save_checkpoint(folder_.path(), {.step = step, .recipe = "{}"}, run_.llama, run_.optimizer, {}, keep);
    }
    // The name of the newest good checkpoint, and the warnings about others.
    std::string newest() {
        testing::internal::CaptureStderr();
        std::optional<fs::path> found = newest_checkpoint(folder_.path());
        warnings_ = testing::internal::GetCapturedStderr();
        return found ? found->filename().string() : "none";
    }

    TestFolder folder_;
    SmallRun run_;
    std::string warnings_;
};

TEST_F(Checkpoints, WeightsMomentsAndStateAreRestored) {
    run_.step();
    RunState state{.step = 2,
                   .position = 16,
                   .metrics_bytes = 70,
                   .timing_bytes = 90,
                   .recipe = R"({"steps":3})",
                   .data = "0123",
                   .changes = {"from step 1 on: steps = 3 instead of 2"}};
    save_checkpoint(folder_.path(), state, run_.llama, run_.optimizer, {}, {.newest = 1});
    SmallRun other;
    ASSERT_NE(other.values(), run_.values());
    RunState loaded = load_checkpoint(folder_ / second, other.llama, other.optimizer);
    EXPECT_EQ(other.values(), run_.values());
    EXPECT_EQ(other.optimizer.steps, 2);
    EXPECT_EQ(loaded.position, 16);
    EXPECT_EQ(loaded.metrics_bytes, 70);
    EXPECT_EQ(loaded.timing_bytes, 90);
    EXPECT_EQ(loaded.recipe, state.recipe);
    EXPECT_EQ(loaded.data, state.data);
    EXPECT_EQ(loaded.changes, state.changes);
}

TEST_F(Checkpoints, AreModelFoldersWithTheMastersInFull) {
    run_.step();
    save_checkpoint(folder_.path(), {.step = 1, .recipe = "{}"}, run_.llama, run_.optimizer,
                    {{"generation_config.json", R"({"do_sample": true, "temperature": 0.25})"}}, {.newest = 1});
    std::shared_ptr<ModelSource> source = open_model(folder_ / first);
    EXPECT_EQ(source->generation_defaults().sample.temperature, 0.25f);
    EXPECT_EQ(source->config().ffn, 12);
    Llama loaded = load_llama(choose_kernels(), source, {.trainable = true});
    for (size_t i = 0; i < loaded.params().size(); ++i) {
        Tensor master = run_.llama.params()[i]->master;
        if (!master) continue;  // the tied output
        EXPECT_THAT(loaded.params()[i]->master.span<float>(), testing::ElementsAreArray(master.span<float>()));
    }
}

TEST_F(Checkpoints, AreWhatTheFolderOfAnUnfinishedRunStandsFor) {
    fs::path run = folder_ / "run";
    EXPECT_EQ(find_model(run), run) << "there is nothing";
    for (int64_t step : {1, 2})
        save_checkpoint(run / "checkpoints", {.step = step, .recipe = "{}"}, run_.llama, run_.optimizer, {},
                        {.newest = 9});
    EXPECT_EQ(find_model(run), run / "checkpoints" / second);
    EXPECT_EQ(open_model(run)->path(), run / "checkpoints" / second);
    fs::remove(run / "checkpoints" / second / "manifest.json");
    EXPECT_EQ(find_model(run), run / "checkpoints" / first) << "one that is not complete is no model";
    save_llama(run_.llama, run, Dtype::f32);
    EXPECT_EQ(find_model(run), run) << "the run has finished";
}

TEST_F(Checkpoints, OnlyTheNewestAreKept) {
    for (int64_t step : {1, 2, 3}) save(step, {.newest = 2});
    EXPECT_THAT(folder_.names(), ElementsAre(second, third));
}

// What a kill during its removal leaves.
TEST_F(Checkpoints, OneWithoutAManifestIsRemovedWhenTheRunIsResumed) {
    fs::path checkpoints = folder_ / "checkpoints";
    for (int64_t step : {1, 2})
        save_checkpoint(checkpoints, {.step = step, .recipe = "{}"}, run_.llama, run_.optimizer, {}, {.newest = 9});
    fs::remove(checkpoints / first / "manifest.json");
    remove_stale(folder_.path(), 2);
    EXPECT_FALSE(fs::exists(checkpoints / first));
    EXPECT_TRUE(fs::exists(checkpoints / second));
}

TEST_F(Checkpoints, FilesOfOtherProgramsStay) {
    fs::path checkpoints = folder_ / "checkpoints";
    std::vector<fs::path> folders{folder_ / first, folder_ / "step-1000", checkpoints / "step-1000",
                                  checkpoints / "step-"},
        files{folder_ / "step-7", checkpoints / second};
    for (const fs::path& path : folders) fs::create_directories(path);
    for (const fs::path& path : files) write_file(path, "a note");
    for (int64_t step : {0, 9}) remove_stale(folder_.path(), step);
    for (const std::vector<fs::path>* list : {&folders, &files})
        for (const fs::path& path : *list) EXPECT_TRUE(fs::exists(path)) << path;
}

TEST_F(Checkpoints, TheBestIsKeptBesideTheNewest) {
    for (int64_t step : {1, 2, 3}) save(step, {.newest = 1, .best = 1});
    EXPECT_THAT(folder_.names(), ElementsAre(first, third));
}

TEST_F(Checkpoints, DamagedOnesAreNamedAndTheLastGoodOneIsFound) {
    for (int64_t step : {1, 2, 3}) save(step);
    EXPECT_EQ(newest(), third);
    EXPECT_EQ(warnings_, "");
    flip_last_byte(folder_ / third / "model.safetensors");
    EXPECT_EQ(newest(), second);
    EXPECT_THAT(warnings_, HasSubstr("step-00000003/model.safetensors: is damaged: its hash does not match"));
    fs::remove(folder_ / second / "mean_square.safetensors");
    EXPECT_EQ(newest(), first);
    EXPECT_THAT(warnings_, HasSubstr("step-00000002/mean_square.safetensors: cannot open"));
    fs::resize_file(folder_ / first / "mean.safetensors", 100);
    EXPECT_EQ(newest(), "none");
    EXPECT_THAT(warnings_, HasSubstr("step-00000001/mean.safetensors: is damaged"));
}

TEST_F(Checkpoints, AnEditedManifestIsDamaged) {
    save(1);
    const fs::path manifest = folder_ / first / "manifest.json";
    const std::string good = read_text(manifest);
    for (std::string edited : {good.substr(0, good.size() - 3), std::string(), std::string("{}"), good + " "}) {
        write_file(manifest, edited);
        EXPECT_EQ(newest(), "none") << edited;
        EXPECT_THAT(warnings_, HasSubstr("manifest.json: "));
    }
    Manifest outside = parse_manifest(good, "manifest.json");
    outside.files[0].name = "../model.safetensors";
    write_file(manifest, manifest_json(outside));
    EXPECT_EQ(newest(), "none");
    EXPECT_THAT(warnings_, HasSubstr("'../model.safetensors' is not a file name in this folder"));
    Manifest shorter = parse_manifest(good, "manifest.json");
    shorter.files.erase(shorter.files.begin());
    write_file(manifest, manifest_json(shorter));
    EXPECT_EQ(newest(), "none");
    EXPECT_THAT(warnings_, HasSubstr("manifest.json: config.json is not listed"));
    write_file(manifest, good);
    fs::rename(folder_ / first, folder_ / second);
    EXPECT_EQ(newest(), "none") << "a manifest of another step";
}

TEST_F(Checkpoints, AnInterruptedOneLeavesTheFormer) {
    save(1);
    rlimit former{}, small{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &former), 0);
    small = {1000, former.rlim_max};
    auto handler = std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &small);  // as a full disk: a file ends after 1,000 bytes
    std::string error = error_of([&] { save(2); });
    ::setrlimit(RLIMIT_FSIZE, &former);
    std::signal(SIGXFSZ, handler);
    EXPECT_THAT(error, AllOf(HasSubstr("model.safetensors"), HasSubstr("File too large")));
    EXPECT_THAT(folder_.names(), ElementsAre(first));
    EXPECT_EQ(newest(), first);
    make_folder(folder_ / second);  // a process that was killed before the manifest
    write_file(folder_ / second / "model.safetensors", "half");
    EXPECT_EQ(newest(), first);
    EXPECT_EQ(warnings_, "") << "it is not complete, so not damaged";
}

TEST_F(Checkpoints, DamagedOnesOfLaterStepsAreMovedAway) {
    make_folder(folder_ / "checkpoints");
    for (int64_t step : {1, 2}) {
        run_.step();
        save_checkpoint(folder_ / "checkpoints", {.step = step, .recipe = "{}"}, run_.llama, run_.optimizer, {},
                        {.newest = 9});
    }
    remove_stale(folder_.path(), 1);
    EXPECT_TRUE(fs::exists(folder_ / "checkpoints" / first / "manifest.json"));
    EXPECT_FALSE(fs::exists(folder_ / "checkpoints" / second));
    EXPECT_TRUE(fs::exists(folder_ / "checkpoints" / (std::string(second) + ".damaged")));
}

TEST_F(Checkpoints, ThoseOfAnotherModelAreRefusedByTensor) {
    save(1);
    SmallRun wider(16);
    EXPECT_THAT(error_of([&] { load_checkpoint(folder_ / first, wider.llama, wider.optimizer); }),
                HasSubstr("step-00000001: tensor model.embed_tokens.weight is f32 [10, 8], but the model's is f32 [10, "
                          "16]: the checkpoint belongs to a run with another shape"));
}

TEST_F(Checkpoints, OneRunLocksItsFolder) {
    RunLock lock(folder_.path());
    EXPECT_THAT(error_of([&] { RunLock second_lock(folder_.path()); }),
                HasSubstr("another run is training in this folder"));
}

TEST(Recipes, OnlyTheScheduleMayChangeDuringARun) {
    EXPECT_THAT(
        changes_of_recipe(R"({"steps":2,"batch":8,"output":"a"})", R"({"steps":3,"batch":8,"output":"b"})", "c"),
        ElementsAre("steps = 3 instead of 2"));
    EXPECT_THAT(error_of([] { changes_of_recipe(R"({"batch":8})", R"({"batch":4})", "step-1"); }),
                HasSubstr("step-1: was trained with batch = 8, the recipe now has 4"));
}

}  // namespace
}  // namespace puna
