#include "train/run_facts.h"

#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;

RunFacts example() {
    return {.recipe = R"({"steps":3})",
            .command = {"train", "a \"b\""},
            .folder = "/home/me",
            .version = "0.1.0",
            .kernels = "avx2",
            .processor = "a processor",
            .threads = 2,
            .processes = 1,
            .started = 1'700'000'000,
            .parameters = 1'000'000,
            .vocabulary = 2048,
            .rows_per_epoch = 30,
            .data = {.name = "data", .conversations = true, .documents = 1, .tokens = 2, .trained = 3, .bytes = 4},
            .validation = SetFacts{.name = "data/validation", .documents = 5},
            .end = RunEnd::failed,
            .problem = "step 3: the loss is not finite"};
}

TEST(RunFacts, AreReadAsTheyWereWritten) {
    std::string text = run_facts_json(example());
    RunFacts facts = parse_run_facts(text, "run.json");
    EXPECT_EQ(run_facts_json(facts), text);
    EXPECT_EQ(facts.command[1], "a \"b\"");
    EXPECT_EQ(facts.validation->documents, 5);
    EXPECT_EQ(facts.data.bytes, 4);
    EXPECT_EQ(facts.end, RunEnd::failed);
    EXPECT_EQ(facts.recipe, R"({"steps":3})");
}

TEST(RunFacts, AnUnknownVersionOrEndIsRejected) {
    auto error = [](std::string_view text) { return error_of([&] { parse_run_facts(text, "run.json"); }); };
    EXPECT_THAT(error("{}"), HasSubstr("supported version (version 0)"));
    EXPECT_THAT(error(R"({"puna_run": 1, "end": "lost"})"), HasSubstr("run.json: 'end' must be none, finished"));
    EXPECT_THAT(error(R"({"puna_run": 1, "threads": -1})"), HasSubstr("threads"));
}

}  // namespace
}  // namespace puna
