#include "train/history.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace puna {
namespace {

using testing::HasSubstr;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string metrics_line(int64_t step, double loss, double validation = nan) {
    return to_line(StepMetrics{.step = step,
                               .loss = loss,
                               .learning_rate = 1e-3,
                               .gradient_norm = 1,
                               .trained = 100,
                               .validation_loss = validation,
                               .bits_per_byte = validation / 2}) +
           "\n";
}

std::string timing_line(int64_t step) { return to_line(StepTiming{step, 0.5, 200, 0.5}) + "\n"; }

RunHistory history_of(const TestFolder& folder) {
    HistoryReader reader(folder.path());
    reader.update();
    return reader.history();
}

std::vector<double> values_of(const Curve& curve) {
    std::vector<double> values;
    for (StepValue point : curve.points()) values.push_back(point.value);
    return values;
}

TEST(History, TotalsAndCurvesAreThoseOfTheLines) {
    TestFolder folder;
    write_file(folder / "metrics.jsonl", metrics_line(1, 4) + metrics_line(2, 3, 3.5) + metrics_line(3, 2, 3.75));
    write_file(folder / "timing.jsonl", timing_line(1) + timing_line(2) + timing_line(3));
    RunHistory h = history_of(folder);
    EXPECT_EQ(h.summary.steps, 3);
    EXPECT_EQ(h.summary.trained, 300);
    EXPECT_EQ(h.summary.seconds, 1.5);
    EXPECT_NEAR(h.summary.loss.mean(), (0.9025 * 4 + 0.95 * 3 + 2) / 2.8525, 1e-12);
    EXPECT_EQ(h.summary.best_validation_loss, 3.5);
    EXPECT_EQ(h.summary.best_step, 2);
    EXPECT_EQ(h.summary.tokens_per_second, 200);
    EXPECT_THAT(values_of(h.trained), testing::ElementsAre(100, 200, 300));
    EXPECT_THAT(values_of(h.seconds), testing::ElementsAre(0.5, 1, 1.5));
    EXPECT_THAT(values_of(h.gap), testing::ElementsAre(0, 1.75)) << "from the losses since the last validation";
}

TEST(History, OnlyWhatWasAddedIsReadAgain) {
    TestFolder folder;
    std::string first = metrics_line(1, 4) + metrics_line(2, 3), more = metrics_line(3, 2);
    write_file(folder / "metrics.jsonl", first + more.substr(0, 10));
    HistoryReader reader(folder.path());
    reader.update();
    EXPECT_EQ(reader.history().summary.steps, 2) << "the third line is incomplete, and timing.jsonl missing";
    write_file(folder / "metrics.jsonl", std::string(first.size(), '\n') + more);
    write_file(folder / "timing.jsonl", timing_line(1));
    reader.update();
    EXPECT_THAT(values_of(reader.history().loss), testing::ElementsAre(4, 3, 2));
    EXPECT_EQ(reader.history().summary.seconds, 0.5);
}

TEST(History, AFileThatBecameShorterIsReadFromItsBeginning) {
    TestFolder folder;
    write_file(folder / "metrics.jsonl", metrics_line(1, 4) + metrics_line(2, 3, 3.5) + metrics_line(3, 2));
    HistoryReader reader(folder.path());
    reader.update();
    write_file(folder / "metrics.jsonl", metrics_line(1, 4) + metrics_line(2, 3.25));
    reader.update();
    EXPECT_THAT(values_of(reader.history().loss), testing::ElementsAre(4, 3.25));
    EXPECT_TRUE(std::isnan(reader.history().summary.validation_loss));
}

TEST(History, RepeatedAndDamagedLinesAreSkipped) {
    TestFolder folder;
    write_file(folder / "metrics.jsonl", metrics_line(1, 4) + "nonsense\n\n{\"step\":2,\"lo\n" + metrics_line(2, 3) +
                                             metrics_line(1, 9) + "{\"step\":3,\"loss\":1e300}\n");
    EXPECT_THAT(values_of(history_of(folder).loss), testing::ElementsAre(4, 3));
    EXPECT_EQ(history_of(folder).summary.steps, 3);
    EXPECT_THAT(error_of([&] { HistoryReader(folder / "none").update(); }), HasSubstr("metrics.jsonl: cannot open"));
}

TEST(History, SamplesAreBoundedAndIncludeTheFirstAndTheLast) {
    TestFolder folder;
    std::string lines;
    for (int64_t step = 1; step <= 1000; ++step)
        lines +=
            to_line(StepMetrics{.step = step, .sample = TextSample{"Once", std::string(3'999, 'a') + "\xc3\xa9"}}) +
            "\n";
    write_file(folder / "metrics.jsonl", lines);
    RunHistory h = history_of(folder);
    EXPECT_LE(h.samples.size(), 80u);
    EXPECT_GE(h.samples.size(), 40u);
    EXPECT_EQ(h.samples.front().step, 1);
    EXPECT_EQ(h.samples.back().step, 1000);
    EXPECT_EQ(h.samples.back().sample.text, std::string(3'999, 'a')) << "shortened between characters";
}

}  // namespace
}  // namespace puna
