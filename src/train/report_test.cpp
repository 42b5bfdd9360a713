#include "train/report.h"

#include "core/atomic_file.h"
#include "core/fields.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "train/checkpoint.h"
#include "train/manifest.h"
#include "train/metrics.h"
#include "train/recipe.h"
#include "train/run_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <string_view>

#include <nlohmann/json.hpp>

namespace puna {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// A run with validation every ten steps.
void write_run(const fs::path& folder, int64_t steps) {
    std::string metrics, timing;
    for (int64_t step = 1; step <= steps; ++step) {
        double t = static_cast<double>(step), measured = step % 10 == 0 ? 1 + 1 / t : nan;
        metrics += to_line(StepMetrics{step, 1 + 2 / t, 1e-3 / t, 0.5 + 1 / t, 100, measured, measured}) + "\n";
        timing += to_line(StepTiming{step, 2, 150'000, 0.455}) + "\n";
    }
    make_folder(folder);
    write_file(folder / "metrics.jsonl", metrics);
    write_file(folder / "timing.jsonl", timing);
}

void write_manifest(const fs::path& folder, const RunState& state) {
    fs::path checkpoint = folder / "checkpoints" / fmt::format("step-{:08}", state.step);
    make_folder(checkpoint);
    write_file(checkpoint / "manifest.json", manifest_json({state, {}}));
}

void write_facts(const fs::path& folder, RunFacts facts, Recipe recipe = {}) {
    facts.recipe = to_json(list_fields(recipe));
    make_folder(folder / "checkpoints");
    write_file(folder / "checkpoints" / "run.json", run_facts_json(facts));
}

// The text of the element that holds the runs, as a browser finds it: to the first </script.
std::string_view data_text(std::string_view page) {
    constexpr std::string_view begin = "<script type=\"application/json\" id=\"run\">";
    page = page.substr(page.find(begin) + begin.size());
    return page.substr(0, page.find("</script"));
}

json data_of(const fs::path& page) { return json::parse(data_text(read_text(page))); }

// The only run of a report that is written now, and not again.
json run_of(const fs::path& folder) {
    write_report(folder, 0);
    return data_of(folder / "report.html")["runs"][0];
}

TEST(Report, DistinguishesTrainingFromValidation) {
    TestFolder folder;
    write_run(folder.path(), 30);
    json series = run_of(folder.path())["series"];
    EXPECT_EQ(series["loss"]["steps"].size(), 30u);
    EXPECT_EQ(series["loss"]["values"][1], 2);
    EXPECT_FALSE(series["loss"].contains("means")) << "the same as the values";
    EXPECT_EQ(series["validation_loss"], json::parse(R"({"steps": [10, 20, 30], "values": [1.1, 1.05, 1.03333]})"));
    EXPECT_EQ(series["bits_per_byte"], series["validation_loss"]);
    EXPECT_EQ(series["gap"]["steps"].size(), 3u);
    EXPECT_EQ(series["learning_rate"]["values"][9], 1e-4);
    EXPECT_EQ(series["gradient_norm"]["values"][3], 0.75);
    EXPECT_EQ(series["tokens_per_second"]["values"][29], 150'000);
    EXPECT_EQ(series["trained"]["values"][29], 3000);
    EXPECT_EQ(series["seconds"]["values"][29], 60);
}

TEST(Report, LoadsNothing) {
    TestFolder folder;
    write_run(folder.path(), 30);
    write_report(folder.path(), 0);
    std::string page = read_text(folder / "report.html");
    for (const char* reference : {" src=", " href=", "url(", "@import", "@RUN@"})
        EXPECT_THAT(page, Not(HasSubstr(reference)));
    EXPECT_THAT(page, HasSubstr("default-src 'none'"));
    EXPECT_THAT(page, HasSubstr("uPlot (v1.6."));
    EXPECT_THAT(page, HasSubstr("Copyright (c) 2022 Leon Sorokin")) << "the library's license asks for it";
}

TEST(Report, TellsWhatTheRunIs) {
    TestFolder folder;
    write_run(folder.path(), 3600);
    RunFacts facts{.command = {"train", "/home/someone/r.toml", "--data=/home/someone/my stories", "--from",
                               "../secret/base", "--output", "out/model", "--prompt", "Once upon"},
                   .folder = "/home/someone",
                   .version = "0.1.0",
                   .kernels = "avx2",
                   .processor = "a processor",
                   .threads = 2,
                   .processes = 1,
                   .started = 1'700'000'000,
                   .parameters = 1'000'000,
                   .vocabulary = 2048,
                   .rows_per_epoch = 30,
                   .data = {.name = "stories", .documents = 7, .tokens = 3000, .trained = 2999, .bytes = 9000}};
    Recipe recipe;
    recipe.steps = 4000;
    recipe.data = "/home/someone/packed/stories";
    write_facts(folder.path(), facts, recipe);
    write_manifest(folder.path(), {.step = 1800, .changes = {"from step 1000 on: steps = 4000 instead of 1000"}});
    json run = run_of(folder.path());
    EXPECT_EQ(run["planned_steps"], 4000);
    EXPECT_EQ(run["batch"], recipe.batch);
    EXPECT_EQ(run["changes"][0], "from step 1000 on: steps = 4000 instead of 1000");
    EXPECT_EQ(run["facts"]["command"], json({"train", "r.toml", "--data=my stories", "--from", "base", "--output",
                                             "out/model", "--prompt", "Once upon"}));
    EXPECT_EQ(run["facts"]["data"]["documents"], 7);
    EXPECT_EQ(run["facts"]["processor"], "a processor");
    EXPECT_FALSE(run["facts"].contains("validation"));
    EXPECT_THAT(run["recipe"], Contains(json{{"group", "Data"}, {"name", "data"}, {"value", "stories"}}));
    EXPECT_THAT(run["recipe"], Contains(json{{"group", "Schedule"}, {"name", "warm_up"}, {"value", "100"}}));
    for (const char* unused : {"epochs", "decay_share", "validation_rows"})
        EXPECT_THAT(run["recipe"].dump(), Not(HasSubstr(unused)));
    EXPECT_EQ(run["summary"]["trained"], 360'000);
    EXPECT_EQ(run["summary"]["seconds"], 7200);
    EXPECT_EQ(run["summary"]["share"], 0.455);
    EXPECT_EQ(run["summary"]["best_step"], 3600);
    EXPECT_THAT(read_text(folder / "report.html"), Not(HasSubstr("/home/someone")));
}

TEST(Report, ShowsSamples) {
    TestFolder folder;
    write_run(folder.path(), 2);
    write_file(folder / "metrics.jsonl",
               read_text(folder / "metrics.jsonl") +
                   to_line(StepMetrics{.step = 3, .sample = TextSample{"Who are you?", "A \"cat\"."}}) + "\n");
    EXPECT_EQ(run_of(folder.path())["samples"],
              json::parse(R"([{"step": 3, "prompt": "Who are you?", "text": "A \"cat\"."}])"));
}

TEST(Report, TellsARunningRunFromADeadOne) {
    TestFolder folder;
    write_run(folder.path(), 30);
    write_facts(folder.path(), {.end = RunEnd::none});
    EXPECT_EQ(run_of(folder.path())["phase"], "interrupted") << "nobody holds its lock";
    {
        RunLock lock(folder / "checkpoints");
        EXPECT_TRUE(is_training(folder.path()));
        EXPECT_EQ(run_of(folder.path())["phase"], "running");
    }
    EXPECT_FALSE(is_training(folder.path()));
    Report report(folder.path());
    auto now = static_cast<int64_t>(std::time(nullptr));
    report.write(19.5);
    json page = data_of(folder / "report.html");
    EXPECT_EQ(page["runs"][0]["phase"], "running") << "the trainer itself says so";
    EXPECT_EQ(page["next"], 20);
    EXPECT_GE(page["written"], now);
    write_facts(folder.path(), {.end = RunEnd::stopped});
    report.write(0);
    page = data_of(folder / "report.html");
    EXPECT_EQ(page["runs"][0]["phase"], "stopped");
    EXPECT_EQ(page["next"], 0);
    write_facts(folder.path(),
                {.end = RunEnd::failed, .problem = "/home/me/m/step 3: no space on '/mnt/big disk', 1/2 done"});
    json run = run_of(folder.path());
    EXPECT_EQ(run["phase"], "failed");
    EXPECT_EQ(run["problem"], "step 3: no space on 'big disk', 1/2 done");
}

// Such a run has no run.json. A resumed one may still have the model of its earlier end.
TEST(Report, ARunOfAnEarlierVersionIsFinishedIfItHasItsModel) {
    TestFolder folder;
    write_run(folder.path(), 30);
    EXPECT_EQ(run_of(folder.path())["recipe"], nullptr);
    write_file(folder / "model.safetensors", "of an earlier end");
    EXPECT_EQ(run_of(folder.path())["phase"], "finished");
    Recipe recipe;
    recipe.steps = 40;
    write_manifest(folder.path(), {.step = 10, .recipe = to_json(list_fields(recipe))});
    json run = run_of(folder.path());
    EXPECT_EQ(run["phase"], "interrupted");
    EXPECT_EQ(run["planned_steps"], 40);
    EXPECT_EQ(run["facts"], nullptr);
    write_run(folder.path(), 40);
    EXPECT_EQ(run_of(folder.path())["phase"], "finished");
}

TEST(Report, ComparesRuns) {
    TestFolder folder;
    write_run(folder / "monday/model", 30);
    write_run(folder / "tuesday/model", 20);
    write_run(folder / "wide", 10);
    Report({folder / "monday/model", folder / "tuesday/model", folder / "wide"}, folder / "compare.html").write(0);
    json runs = data_of(folder / "compare.html")["runs"];
    ASSERT_EQ(runs.size(), 3u);
    EXPECT_EQ(runs[0]["name"], "monday/model");
    EXPECT_EQ(runs[1]["name"], "tuesday/model");
    EXPECT_EQ(runs[1]["summary"]["steps"], 20);
    EXPECT_EQ(runs[2]["name"], "wide");
    EXPECT_TRUE(is_report(folder / "compare.html"));
    EXPECT_FALSE(is_report(folder / "wide/metrics.jsonl"));
    EXPECT_FALSE(is_report(folder / "wide"));
}

TEST(Report, UntrustedTextStaysInItsElement) {
    TestFolder folder;
    write_run(folder.path(), 3);
    Recipe recipe;
    recipe.prompt = "</script><!--<script>alert(1)</SCRIPT>\xff \"&amp; \xe2\x80\xa8";
    write_facts(folder.path(), {}, recipe);
    json run = run_of(folder.path());
    std::string page = read_text(folder / "report.html");
    EXPECT_THAT(data_text(page), Not(HasSubstr("<")));
    EXPECT_THAT(run["recipe"], Contains(json{{"group", "Evaluation"},
                                             {"name", "prompt"},
                                             {"value",
                                              "</script><!--<script>alert(1)</SCRIPT>\xef\xbf\xbd \"&amp; "
                                              "\xe2\x80\xa8"}}));
    EXPECT_THAT(page, Not(HasSubstr("alert(1)</SCRIPT>")));
}

TEST(Report, SkipsDamage) {
    TestFolder folder;
    write_run(folder.path(), 20);
    std::string good = read_text(folder / "metrics.jsonl");
    write_file(folder / "metrics.jsonl",
               "nonsense\n\n" + good + "{\"step\":1e300,\"loss\":1}\n{\"step\":21,\"loss\":1e300}\n{\"step\":22,\"lo");
    write_file(folder / "timing.jsonl", std::string("{\"step\":1}\n\0\0\0", 14));
    write_file(folder / "checkpoints", "no folder");
    json run = run_of(folder.path());
    EXPECT_EQ(run["series"]["loss"]["steps"].size(), 20u);
    EXPECT_EQ(run["series"]["tokens_per_second"]["steps"].size(), 0u);
    EXPECT_EQ(run["summary"]["tokens_per_second"], nullptr);
    EXPECT_EQ(read_metrics(folder / "metrics.jsonl").size(), 21u);
    fs::remove(folder / "timing.jsonl");
    fs::remove(folder / "checkpoints");
    write_manifest(folder.path(), {.step = 10, .recipe = R"({"field_of_another_version": 1})"});
    EXPECT_EQ(run_of(folder.path())["recipe"], nullptr);
    make_folder(folder / "checkpoints");
    write_file(folder / "checkpoints/run.json", "{\"puna_run\": 99}");
    EXPECT_EQ(run_of(folder.path())["facts"], nullptr);
    fs::remove(folder / "metrics.jsonl");
    EXPECT_THAT(error_of([&] { write_report(folder.path(), 0); }), HasSubstr("metrics.jsonl: cannot open"));
}

TEST(Report, StaysSmallAndKeepsSpikes) {
    TestFolder folder;
    write_run(folder.path(), 50'000);
    std::string metrics = read_text(folder / "metrics.jsonl");
    write_file(folder / "metrics.jsonl", metrics + "{\"step\":50001,\"loss\":9.0}\n" + metrics);
    json loss = run_of(folder.path())["series"]["loss"];
    EXPECT_LT(fs::file_size(folder / "report.html"), 350'000u);
    EXPECT_THAT(loss["values"], Contains(9));
    EXPECT_TRUE(std::is_sorted(loss["steps"].begin(), loss["steps"].end()))
        << "the lines of a copied file are in order";
    EXPECT_LE(loss["means"]["steps"].size(), 1000u);
}

}  // namespace
}  // namespace puna
