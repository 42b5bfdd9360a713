#include "train/recipe_notes.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

// The notes on a recipe whose fields all count as set by the user.
std::vector<std::string> notes(std::string_view toml) {
    Recipe recipe;
    std::vector<std::string> names = parse_recipe(recipe, toml, "a.toml");
    std::vector<std::string> lines;
    for (const FieldNote& note : notes_on(recipe, [&](std::string_view field) {
             return std::find(names.begin(), names.end(), std::string(field)) != names.end();
         }))
        lines.push_back(note.field + ": " + note.text);
    return lines;
}

TEST(RecipeNotes, AConsistentRecipeHasNone) {
    EXPECT_TRUE(notes("steps = 20").empty());  // everything else has its default
    EXPECT_TRUE(notes("validation = 'v'\nvalidate_every = 5\nwarm_up = 999\nsample_every = 9\nprompt = 'x'\n"
                      "schedule = 'constant'\ndecay_share = 0.1\ncheckpoint_every = 10\nkeep_checkpoints = 1\ndim = 64")
                    .empty());
    EXPECT_TRUE(notes("validation = 'v'\ncheckpoint_every = 0\nkeep_checkpoints = 3").empty()) << "best ones are kept";
    EXPECT_TRUE(notes("schedule = 'constant'\ndecay_share = 0.0\nfinal_learning_rate = 1.0").empty());
}

TEST(RecipeNotes, FieldsWithoutEffectAreReported) {
    const std::pair<const char*, const char*> cases[] = {
        {"validate_every = 5", "validate_every: has no effect, there is no validation set"},
        {"validation_rows = 5", "validation_rows: has no effect, there is no validation set"},
        {"sample_every = 0\nprompt = 'Once'", "prompt: has no effect, sampling is off: sample_every is 0"},
        {"schedule = 'linear'\ndecay_share = 0.3", "decay_share: has no effect, only schedule 'constant' uses it"},
        {"schedule = 'constant'\ndecay_share = 0.0\nfinal_learning_rate = 0.5",
         "final_learning_rate: has no effect, schedule 'constant' does not decay with decay_share 0"},
        {"weight_decay = 0.0\ndecay = 'all'", "decay: has no effect, weight_decay is 0"},
        {"checkpoint_every = 0\nkeep_checkpoints = 5",
         "keep_checkpoints: has no effect, only the final checkpoint is written: checkpoint_every is 0"},
        {"from = 'base'\nlayers = 3", "layers: has no effect, the shape comes from the model of 'from'"},
        {"learning_rate = 0.0", "learning_rate: 0 trains nothing"},
        {"data = 'src'\nvalidation = './src/.'",
         "validation: is the training set itself, so its loss does not measure generalization"},
        {"steps = 50\ncheckpoint_every = 51", "checkpoint_every: 51 exceeds the 50 steps: only at the end"},
        {"steps = 50\nsample_every = 100", "sample_every: 100 exceeds the 50 steps: only at the end"},
        {"steps = 50\nvalidation = 'v'\nvalidate_every = 51",
         "validate_every: 51 exceeds the 50 steps: only at the end"},
    };
    for (const auto& [toml, note] : cases) EXPECT_EQ(notes(toml), std::vector<std::string>{note}) << toml;
}

TEST(RecipeNotes, AnUnfinishedWarmUpReportsTheRateItReaches) {
    EXPECT_EQ(notes("steps = 20\nlearning_rate = 0.001\nwarm_up = 100"),
              std::vector<std::string>{
                  "warm_up: 100 of 20 steps: the learning rate only reaches 0.0002 of 0.001 and never decays"});
    EXPECT_EQ(
        notes("steps = 20\nwarm_up = 20"),
        std::vector<std::string>{"warm_up: 20 of 20 steps: the learning rate reaches its peak in the last step and "
                                 "never decays"});
    EXPECT_TRUE(notes("steps = 20\nwarm_up = 19").empty());
}

}  // namespace
}  // namespace puna
