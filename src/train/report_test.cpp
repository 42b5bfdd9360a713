#include "train/report.h"

#include "core/atomic_file.h"
#include "core/fields.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"
#include "train/manifest.h"
#include "train/metrics.h"
#include "train/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include <nlohmann/json.hpp>

namespace puna {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

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
    write_report(folder.path(), "scalar");
    return read_text(folder / "report.html");
}

// The text of the element that holds the run, as a browser finds it: to the first </script.
std::string_view run_text(std::string_view page) {
    constexpr std::string_view begin = "<script type=\"application/json\" id=\"run\">";
    page = page.substr(page.find(begin) + begin.size());
    return page.substr(0, page.find("</script"));
}

json run_of(const std::string& page) { return json::parse(run_text(page)); }

TEST(Report, DistinguishesTrainingFromValidation) {
    TestFolder folder;
    write_run(folder, 30);
    json series = run_of(report_of(folder))["series"];
    EXPECT_EQ(series["loss"]["steps"].size(), 30u);
    EXPECT_EQ(series["loss"]["values"][1], 2);
    EXPECT_EQ(series["validation_loss"], json::parse(R"({"steps": [10, 20, 30], "values": [1.1, 1.05, 1.03333]})"));
    EXPECT_EQ(series["bits_per_byte"], series["validation_loss"]);
    EXPECT_EQ(series["learning_rate"]["values"][9], 1e-4);
    EXPECT_EQ(series["gradient_norm"]["values"][3], 0.75);
    EXPECT_EQ(series["tokens_per_second"]["values"][29], 150'000);
}

TEST(Report, LoadsNothing) {
    TestFolder folder;
    write_run(folder, 30);
    std::string page = report_of(folder);
    for (const char* reference : {" src=", " href=", "url(", "@import", "@RUN@"})
        EXPECT_THAT(page, Not(HasSubstr(reference)));
    EXPECT_THAT(page, HasSubstr("default-src 'none'"));
    EXPECT_THAT(page, HasSubstr("uPlot (v1.6."));
    EXPECT_THAT(page, HasSubstr("Copyright (c) 2022 Leon Sorokin")) << "the library's license asks for it";
}

TEST(Report, SummarizesTheRunAndItsRecipe) {
    TestFolder folder;
    write_run(folder, 3600);
    json run = run_of(report_of(folder));
    EXPECT_EQ(run["status"], "not finished");
    EXPECT_EQ(run["recipe"], nullptr);
    json summary = run["summary"];
    EXPECT_EQ(summary["trained"], 360'000);
    EXPECT_EQ(summary["seconds"], 7200);
    EXPECT_EQ(summary["share"], 0.455);
    EXPECT_EQ(summary["tokens_per_second"], 150'000);
    Recipe recipe;
    recipe.steps = 4000;
    recipe.data = "/home/someone/packed/stories";
    write_manifest(folder, 1800, Recipe{});
    write_manifest(folder, 3600, recipe);
    write_file(folder / "model.safetensors", "of an earlier end");
    std::string page = report_of(folder);
    run = run_of(page);
    EXPECT_EQ(run["status"], "not finished");
    EXPECT_EQ(run["planned_steps"], 4000);
    EXPECT_EQ(run["recipe"]["data"], "stories");
    EXPECT_EQ(run["recipe"]["warm_up"], "100");
    EXPECT_THAT(page, Not(HasSubstr("/home/someone")));
    write_run(folder, 4000);
    EXPECT_EQ(run_of(report_of(folder))["status"], "finished");
}

TEST(Report, UntrustedTextStaysInItsElement) {
    TestFolder folder;
    write_run(folder, 3);
    Recipe recipe;
    recipe.prompt = "</script><!--<script>alert(1)</SCRIPT>\xff \"&amp; \xe2\x80\xa8";
    write_manifest(folder, 3, recipe);
    std::string page = report_of(folder);
    EXPECT_THAT(run_text(page), Not(HasSubstr("<")));
    EXPECT_EQ(run_of(page)["recipe"]["prompt"],
              "</script><!--<script>alert(1)</SCRIPT>\xef\xbf\xbd \"&amp; \xe2\x80\xa8");
    EXPECT_THAT(page, Not(HasSubstr("alert(1)</SCRIPT>")));
}

TEST(Report, SkipsDamagedLines) {
    TestFolder folder;
    write_run(folder, 20);
    std::string good = read_text(folder / "metrics.jsonl");
    write_file(folder / "metrics.jsonl",
               "nonsense\n\n" + good + "{\"step\":1e300,\"loss\":1}\n{\"step\":21,\"loss\":1e300}\n{\"step\":22,\"lo");
    write_file(folder / "timing.jsonl", std::string("{\"step\":1}\n\0\0\0", 14));
    write_file(folder / "checkpoints", "no folder");
    json run = run_of(report_of(folder));
    EXPECT_EQ(run["series"]["loss"]["steps"].size(), 20u);
    EXPECT_EQ(run["series"]["tokens_per_second"]["steps"].size(), 0u);
    EXPECT_EQ(run["summary"]["tokens_per_second"], nullptr);
    EXPECT_EQ(read_metrics(folder / "metrics.jsonl").size(), 21u);
    std::filesystem::remove(folder / "timing.jsonl");
    EXPECT_THROW(write_report(folder.path(), "scalar"), Error);
}

TEST(Report, StaysSmallAndKeepsSpikes) {
    TestFolder folder;
    write_run(folder, 50'000);
    std::string metrics = read_text(folder / "metrics.jsonl");
    write_file(folder / "metrics.jsonl", metrics + "{\"step\":50001,\"loss\":9.0}\n" + metrics);
    std::string page = report_of(folder);
    EXPECT_LT(page.size(), 250'000u);
    json loss = run_of(page)["series"]["loss"];
    EXPECT_THAT(loss["values"], Contains(9));
    EXPECT_TRUE(std::is_sorted(loss["steps"].begin(), loss["steps"].end()))
        << "the lines of a copied file are in order";
}

}  // namespace
}  // namespace puna
