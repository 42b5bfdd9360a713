#include "train/recipe.h"

#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;

constexpr Schedule schedules[] = {Schedule::cosine, Schedule::linear, Schedule::constant};

Recipe with_schedule(Schedule schedule) {
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
    for (Schedule schedule : schedules) {
        Recipe recipe = with_schedule(schedule);
        EXPECT_DOUBLE_EQ(learning_rate_at(recipe, 0), 0.1);
        EXPECT_DOUBLE_EQ(learning_rate_at(recipe, 9), 1);
        EXPECT_DOUBLE_EQ(learning_rate_at(recipe, 10), 1);
    }
}

TEST(Schedule, DecaysAccordingToItsName) {
    EXPECT_NEAR(learning_rate_at(with_schedule(Schedule::cosine), 60), 0.55, 1e-12);  // halfway
    EXPECT_NEAR(learning_rate_at(with_schedule(Schedule::linear), 35), 1 - 0.9 * 0.25, 1e-12);
    EXPECT_NEAR(learning_rate_at(with_schedule(Schedule::constant), 89), 1, 1e-12);
    EXPECT_NEAR(learning_rate_at(with_schedule(Schedule::constant), 100), 0.55, 1e-12);  // half of the last fifth
    for (Schedule schedule : schedules) EXPECT_NEAR(learning_rate_at(with_schedule(schedule), 110), 0.1, 1e-12);
}

TEST(Recipe, ErrorsNameTheLineAndField) {
    auto message = [](std::string_view text) {
        Recipe recipe;
        return error_of([&] { parse_recipe(recipe, text, "a.toml"); });
    };
    EXPECT_EQ(message("steps = 5\nbatch = 'x'\n"), "a.toml: line 2: batch must be an integer, not 'x'");
    EXPECT_EQ(message("# text\n\nstep = 5\n"), "a.toml: line 3: unknown field 'step'. Did you mean 'steps'?");
    EXPECT_EQ(message("steps = 1.5\n"), "a.toml: line 1: steps must be an integer, not '1.5'");
    EXPECT_THAT(message("steps = [1]\n"), HasSubstr("line 1: steps must be"));
    for (const char* wrong : {"\nsteps = = 2\n", "\ndata = my-data\n", "steps = 2\nsteps = 2\n"})
        EXPECT_EQ(
            message(wrong),
            "a.toml: line 2: not valid TOML, or a field that is there twice: use lines of the form `name = value`, "
            "with texts in quotes");
    EXPECT_EQ(message("steps = 5\nlearning_rate = -1\n"), "a.toml: line 2: learning_rate must be at least 0, not -1");
    EXPECT_EQ(message("type = 'f16'\n"), "a.toml: line 1: type must be bf16 or f32, not 'f16'");
    EXPECT_EQ(message("data = 7\n"), "a.toml: line 1: data must be a string, not 7");
    EXPECT_EQ(message("steps = 7\ntied = false\ndata = \"x y\"\n"), "no error");
}

TEST(Recipe, ErrorsAboutTheShapeNameItsFields) {
    auto field_of = [](std::string_view text) -> std::string {
        try {
            Recipe recipe;
            parse_recipe(recipe, text, "a.toml");
            validate(recipe, 1);
        } catch (const Error& problem) {
            return problem.field;
        }
        return "none";
    };
    EXPECT_EQ(field_of("layers = 100000"), "layers");
    EXPECT_EQ(field_of("dim = 0"), "dim");
    EXPECT_EQ(field_of("kv_heads = 0"), "kv_heads");
    EXPECT_EQ(field_of("context = 0"), "context");
    EXPECT_EQ(field_of("ffn = -1"), "ffn");
    EXPECT_EQ(field_of("heads = 4\nkv_heads = 3"), "heads");
    EXPECT_EQ(field_of("dim = 12\nheads = 4"), "dim") << "heads of an odd size";
    EXPECT_EQ(field_of("dim = 16384\nheads = 2"), "dim") << "heads of more than 4,096";
    EXPECT_EQ(field_of("dim = 64"), "none");
}

TEST(Recipe, ErrorsKeepTheirKind) {
    Recipe recipe;
    EXPECT_EQ(error_kind_of([&] { parse_recipe(recipe, "learning_rate = -1", "a.toml"); }), ErrorKind::usage);
    EXPECT_EQ(error_kind_of([&] { parse_recipe(recipe, "tied = 7", "a.toml"); }), ErrorKind::usage);
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
    expect_rejected([](Recipe& r) { r.batch = 7; });        // not divisible by two processes
    expect_rejected([](Recipe& r) { r.micro_batch = 3; });  // four rows each
    expect_rejected([](Recipe& r) { r.heads = 3; });
    expect_rejected([](Recipe& r) { r.length = 513; });
    for (const char* line : {"steps = 0", "type = 'f16'", "learning_rate = -1"}) {
        Recipe recipe;
        EXPECT_THROW(parse_recipe(recipe, line, "a.toml"), Error) << line;
    }
}

}  // namespace
}  // namespace puna
