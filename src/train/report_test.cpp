#include "train/report.h"

#include "core/atomic_file.h"
#include "core/fields.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"
#include "train/manifest.h"
#include "train/metrics.h"
#include "train/recipe.h"

#include <gtest/gtest.h>

#include <limits>

namespace puna {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// A run with validation every ten steps.
void write_run(const TestFolder& folder, int64_t steps) {
    std::string metrics, timing;
    for (int64_t step = 1; step <= steps; ++step) {
        double t = static_cast<double>(step), measured = step % 10 == 0 ? 1 + 1 / t : nan;
        metrics += to_line(StepMetrics{step, 1 + 2 / t, 1e-3 / t, 0.5 + 1 / t, 100, measured, measured}) + "\n";
        timing += to_line(StepTiming{step, 2, 150'000, 0.455}) + "\n";
    }
    write_file(folder / "metrics.jsonl", metrics);
    write_file(folder / "timing.jsonl", timing);
}

void write_manifest(const TestFolder& folder, int64_t step, Recipe recipe) {
    std::filesystem::path checkpoint = folder / "checkpoints" / fmt::format("step-{:08}", step);
    make_folder(checkpoint);
    write_file(checkpoint / "manifest.json",
               manifest_json({.state = {.step = step, .recipe = to_json(list_fields(recipe))}}));
}

std::string report_of(const TestFolder& folder) {
    write_report(folder.path());
    return read_text(folder / "report.html");
}

bool contains(const std::string& page, std::string_view text) { return page.find(text) != page.npos; }

size_t count(const std::string& page, std::string_view what) {
    size_t n = 0;
    for (size_t at = page.find(what); at != page.npos; at = page.find(what, at + 1)) ++n;
    return n;
}

TEST(Report, DistinguishesTrainingFromValidation) {
    TestFolder folder;
    write_run(folder, 30);
    std::string page = report_of(folder);
    EXPECT_TRUE(contains(
        page, "<span class=\"key blue\"><i></i>training</span><span class=\"key orange\"><i></i>validation</span>"));
    EXPECT_TRUE(contains(page, "<polyline class=\"blue\"") && contains(page, "<polyline class=\"orange\""));
    EXPECT_TRUE(contains(page, "prefers-color-scheme:dark"));
}

TEST(Report, PlotsHaveLabelsAndReadableNumbers) {
    TestFolder folder;
    write_run(folder, 3000);
    std::string page = report_of(folder);
    EXPECT_EQ(count(page, "<svg"), 5u);
    EXPECT_EQ(count(page, "aria-label=\""), 5u);
    EXPECT_TRUE(contains(
        page,
        "aria-label=\"Loss, nats per token; training 3 at step 1, 1.001 at step 3000; validation 1.1 at step 10"));
    EXPECT_EQ(count(page, ">step</text>"), 5u);
    EXPECT_TRUE(contains(page, ">150k</text>") && contains(page, ">1000</text>"));
    EXPECT_FALSE(contains(page, "e+0"));
}

TEST(Report, SummarizesTheRunAndItsRecipe) {
    TestFolder folder;
    write_run(folder, 3600);
    std::string page = report_of(folder);
    EXPECT_TRUE(contains(page, ">not finished</span>") && contains(page, "<dd>360.0 k</dd>") &&
                contains(page, "<dd>2 h 0 min</dd>") && contains(page, "45.5 % of the peak"));
    EXPECT_FALSE(contains(page, "Recipe"));
    Recipe recipe;
    recipe.steps = 4000;
    recipe.prompt = "<b>\"&";
    recipe.data = "/home/someone/packed/stories";
    write_manifest(folder, 1800, Recipe{});
    write_manifest(folder, 3600, recipe);
    write_file(folder / "model.safetensors", "of an earlier end");
    page = report_of(folder);
    EXPECT_TRUE(contains(page, ">not finished</span>") && contains(page, "of 4000") &&
                contains(page, "&lt;b&gt;&quot;&amp;") && contains(page, "<dd>stories</dd>"));
    EXPECT_FALSE(contains(page, "/home/someone"));
    write_run(folder, 4000);
    EXPECT_TRUE(contains(report_of(folder), ">finished</span>"));
}

TEST(Report, SkipsDamagedLines) {
    TestFolder folder;
    write_run(folder, 20);
    std::string good = read_text(folder / "metrics.jsonl");
    write_file(folder / "metrics.jsonl",
               "nonsense\n\n" + good + "{\"step\":1e300,\"loss\":1}\n{\"step\":21,\"loss\":1e300}\n{\"step\":22,\"lo");
    write_file(folder / "timing.jsonl", std::string("{\"step\":1}\n\0\0\0", 14));
    write_file(folder / "checkpoints", "no folder");
    std::string page = report_of(folder);
    EXPECT_TRUE(contains(page, "training 3 at step 1, 1.1 at step 20;") && contains(page, "no measurements yet"));
    EXPECT_EQ(read_metrics(folder / "metrics.jsonl").size(), 21u);
    std::filesystem::remove(folder / "timing.jsonl");
    EXPECT_THROW(write_report(folder.path()), Error);
}

TEST(Report, StaysSmallAndKeepsSpikes) {
    TestFolder folder;
    write_run(folder, 50'000);
    std::string metrics = read_text(folder / "metrics.jsonl");
    write_file(folder / "metrics.jsonl", metrics + "{\"step\":50001,\"loss\":9.0}\n" + metrics);
    std::string page = report_of(folder);
    EXPECT_LT(page.size(), 250'000u);
    EXPECT_TRUE(contains(page, ">9</text>") || contains(page, ">10</text>"));  // the axis reaches it
}

}  // namespace
}  // namespace puna
