#include "train/recipe.h"

#include "core/test_error.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

Recipe with_schedule(const char* schedule) {
    Recipe recipe;
    recipe.steps = 110;
    recipe.warm_up = 10;
    recipe.learning_rate = 1;
    recipe.final_learning_rate = 0.1;
    recipe.schedule = schedule;
    recipe.decay_share = 0.2;
    return recipe;
}

TEST(Schedule, WarmsUpToThePeak) {
    for (const char* schedule : {"cosine", "linear", "constant"}) {
        Recipe recipe = with_schedule(schedule);
        EXPECT_DOUBLE_EQ(learning_rate_at(recipe, 0), 0.1);
        EXPECT_DOUBLE_EQ(learning_rate_at(recipe, 9), 1);
        EXPECT_DOUBLE_EQ(learning_rate_at(recipe, 10), 1);
    }
}

TEST(Schedule, DecaysAccordingToItsName) {
    EXPECT_NEAR(learning_rate_at(with_schedule("cosine"), 60), 0.55, 1e-12);  // halfway
    EXPECT_NEAR(learning_rate_at(with_schedule("linear"), 35), 1 - 0.9 * 0.25, 1e-12);
    EXPECT_NEAR(learning_rate_at(with_schedule("constant"), 89), 1, 1e-12);
    EXPECT_NEAR(learning_rate_at(with_schedule("constant"), 100), 0.55, 1e-12);  // half of the last fifth
    for (const char* schedule : {"cosine", "linear", "constant"})
        EXPECT_NEAR(learning_rate_at(with_schedule(schedule), 110), 0.1, 1e-12);
}

TEST(Recipe, ErrorsNameTheLineAndField) {
    auto message = [](std::string_view text) {
        Recipe recipe;
        return error_message([&] { parse_recipe(recipe, text, "a.toml"); });
    };
    EXPECT_EQ(message("steps = 5\nbatch = 'x'\n"), "a.toml: line 2: batch must be an integer, not 'x'");
    EXPECT_EQ(message("# text\n\nstep = 5\n"), "a.toml: line 3: unknown field 'step'. Did you mean 'steps'?");
    EXPECT_EQ(message("steps = 1.5\n"), "a.toml: line 1: steps must be an integer, not '1.5'");
    EXPECT_NE(message("steps = [1]\n").find("line 1: steps must be"), std::string::npos);
    EXPECT_NE(message("steps = = 2\n").find("a.toml: line 1: "), std::string::npos);
    EXPECT_EQ(message("steps = 5\nlearning_rate = -1\n"), "a.toml: line 2: learning_rate must be at least 0, not -1");
    EXPECT_EQ(message("type = 'f16'\n"), "a.toml: line 1: type must be bf16 or f32, not 'f16'");
    EXPECT_EQ(message("data = 7\n"), "a.toml: line 1: data must be a string, not 7");
    EXPECT_EQ(message("steps = 7\ntied = false\ndata = \"x y\"\n"), "no error");
}

TEST(Recipe, StringsMayContainAnyUnicode) {
    Recipe recipe;
    parse_recipe(recipe,
                 "\xef\xbb\xbf"
                 "prompt = \"caf\u00e9 %41 100% \\u00e9\"   # \u00e9\noutput = '\u65e5\u672c'\n",
                 "a.toml");
    EXPECT_EQ(recipe.prompt, "caf\u00e9 %41 100% \u00e9");
    EXPECT_EQ(recipe.output, "\u65e5\u672c");
}

TEST(Recipe, RejectsInvalidValues) {
    Recipe good;
    good.data = "d";
    good.output = "o";
    EXPECT_NO_THROW(validate(good, 2));
    auto expect_rejected = [&](auto change) {
        Recipe recipe = good;
        change(recipe);
        EXPECT_THROW(validate(recipe, 2), Error);
    };
    expect_rejected([](Recipe& r) { r.data.clear(); });
    expect_rejected([](Recipe& r) { r.output.clear(); });
    expect_rejected([](Recipe& r) { r.batch = 7; });        // not divisible by two processes
    expect_rejected([](Recipe& r) { r.micro_batch = 3; });  // four rows each
    expect_rejected([](Recipe& r) { r.steps = 0; });
    expect_rejected([](Recipe& r) { r.type = "f8"; });
    expect_rejected([](Recipe& r) { r.schedule = "steep"; });
    expect_rejected([](Recipe& r) { r.optimizer.decay = "some"; });
    expect_rejected([](Recipe& r) { r.learning_rate = -1; });
}

}  // namespace
}  // namespace puna
