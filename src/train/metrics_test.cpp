#include "train/metrics.h"

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

std::vector<int64_t> steps_of(const std::vector<StepMetrics>& rows) {
    std::vector<int64_t> steps;
    for (const StepMetrics& row : rows) steps.push_back(row.step);
    return steps;
}

TEST(Metrics, ALineHoldsWhatWasMeasured) {
    StepMetrics measured{7, 2.5, 1e-3, 0.25, 512, 3.5, 1.25}, not_validated{8, 2.25, 1e-3, 0.5, 512, nan, nan},
        nothing_in_the_loss{9, nan, 1e-3, 0, 0, nan, nan};
    EXPECT_EQ(to_line(measured), R"({"step":7,"loss":2.5,"learning_rate":0.001,"gradient_norm":0.25,"trained":512,)"
                                 R"("validation_loss":3.5,"bits_per_byte":1.25})");
    EXPECT_EQ(to_line(not_validated),
              R"({"step":8,"loss":2.25,"learning_rate":0.001,"gradient_norm":0.5,"trained":512})");
    EXPECT_EQ(to_line(nothing_in_the_loss), R"({"step":9,"learning_rate":0.001,"gradient_norm":0.0,"trained":0})");
    EXPECT_EQ(to_line(StepTiming{7, 0.5, 1024, 0.75}),
              R"({"step":7,"seconds":0.5,"tokens_per_second":1024.0,"share":0.75})");
}

TEST(Metrics, ValuesSurviveAFile) {
    TestFolder folder;
    write_file(folder / "m.jsonl", to_line(StepMetrics{1, 1 / 3.0, 1e-3, 0.1, 64, nan, 0.7}) + "\n");
    std::vector<StepMetrics> rows = read_metrics(folder / "m.jsonl");
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].loss, 1 / 3.0);
    EXPECT_EQ(rows[0].bits_per_byte, 0.7);
    EXPECT_EQ(rows[0].trained, 64);
    EXPECT_TRUE(std::isnan(rows[0].validation_loss));
    write_file(folder / "t.jsonl", to_line(StepTiming{3, 0.1, 1e5, 0.4}) + "\n");
    std::vector<StepTiming> timing = read_timing(folder / "t.jsonl");
    ASSERT_EQ(timing.size(), 1u);
    EXPECT_EQ(timing[0].seconds, 0.1);
    EXPECT_EQ(timing[0].share, 0.4);
}

TEST(Metrics, ALineKeepsItsSample) {
    TestFolder folder;
    StepMetrics metrics{.step = 7, .sample = TextSample{"Who \"are\" you?", "A cat.\n"}};
    write_file(folder / "m.jsonl", to_line(metrics) + "\n" + to_line(StepMetrics{.step = 8}) + "\n");
    std::vector<StepMetrics> read = read_metrics(folder / "m.jsonl");
    ASSERT_EQ(read.size(), 2u);
    EXPECT_EQ(read[0].sample->prompt, "Who \"are\" you?");
    EXPECT_EQ(read[0].sample->text, "A cat.\n");
    EXPECT_FALSE(read[1].sample);
}

// A run that is killed leaves part of a line, a failing disk anything.
TEST(Metrics, DamagedAndUnfinishedLinesAreSkipped) {
    TestFolder folder;
    std::string one = to_line(StepMetrics{.step = 1, .loss = 3}), four = to_line(StepMetrics{.step = 4, .loss = 2});
    write_file(folder / "m.jsonl", one + "\n\n{\"step\": 2, \"loss\": \"low\"}\n" + std::string(20, '\0') +
                                       "\n{\"loss\": 1}\n[]\n" + four + "\n" + four.substr(0, four.size() / 2));
    EXPECT_THAT(steps_of(read_metrics(folder / "m.jsonl")), testing::ElementsAre(1, 4));
    write_file(folder / "m.jsonl",
               one + "\n{\"step\":2,\"trained\":2000000000000}\n{\"step\":3,\"trained\":-1}\n" + four + "\n");
    EXPECT_THAT(steps_of(read_metrics(folder / "m.jsonl")), testing::ElementsAre(1, 4)) << "their sum would overflow";
    write_file(folder / "m.jsonl", one + "\n" + four);
    EXPECT_THAT(steps_of(read_metrics(folder / "m.jsonl")), testing::ElementsAre(1, 4)) << "a last line without an end";
    EXPECT_THAT(error_of([&] { read_metrics(folder / "none"); }), HasSubstr("none: cannot open"));
}

TEST(Metrics, ASummaryHasTotalsASmoothedLossLastValuesAndMedians) {
    RunSummary s = summarize({{1, 4, 1e-3, 1, 100, nan, nan},
                              {2, 3, 1e-3, 1, 100, 3.5, 1.25},
                              {3, nan, 1e-3, 0, 0, nan, nan},
                              {4, 2, 1e-3, 1, 50, 3.75, 1.5}},
                             {{1, 2, 10, 0.1}, {2, 3, 30, 0.3}, {3, nan, nan, nan}, {4, 1, 20, 0.2}});
    EXPECT_EQ(s.steps, 4);
    EXPECT_EQ(s.trained, 250);
    EXPECT_NEAR(s.loss.mean(), (0.9025 * 4 + 0.95 * 3 + 2) / 2.8525, 1e-12) << "each weighs 5 % less than the next";
    EXPECT_EQ(s.validation_loss, 3.75);
    EXPECT_EQ(s.bits_per_byte, 1.5);
    EXPECT_EQ(s.best_bits_per_byte, 1.25);
    EXPECT_EQ(s.seconds, 6);
    EXPECT_EQ(s.tokens_per_second, 20);
    EXPECT_EQ(s.share, 0.2);
    EXPECT_TRUE(std::isnan(summarize({}, {}).loss.mean()));
    EXPECT_TRUE(std::isnan(summarize({}, {}).share));
}

}  // namespace
}  // namespace puna
