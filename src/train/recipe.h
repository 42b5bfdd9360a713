// train/recipe.h — everything that a training run is made of: a TOML file of `name = value` lines, each also a flag.
//
//   Recipe recipe;
//   read_recipe(recipe, "recipes/tiny.toml");
//   validate(recipe, group.size());
//
// Two runs with the same recipe, data and number of steps give the same bits. Throws Error that names file, line and
// field.
#pragma once
#include "model/config.h"
#include "train/optimizer.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct Recipe {
    std::string data, validation, output, from;
    int64_t dim = 256, layers = 6, heads = 4, kv_heads = 2, ffn = 688, context = 512;
    bool tied = true;
    std::string type = "bf16";

    int64_t steps = 1000, length = 512, batch = 8, micro_batch = 0;
    double learning_rate = 1e-3, final_learning_rate = 0.1, decay_share = 0.2;
    std::string schedule = "cosine";
    int64_t warm_up = -1;
    OptimizerOptions optimizer;
    bool recompute = false;
    std::string gradient_sum = "tree";
    int64_t seed = 1;

    int64_t validate_every = 200, validation_rows = 64, sample_every = 0, checkpoint_every = 200, keep_checkpoints = 2;
    std::string prompt;
};
template <class F>
void fields(Recipe& r, F field) {
    field("data", r.data, "folder of packed tokens (puna data pack)");
    field("validation", r.validation, "another, to measure on; none: no validation");
    field("output", r.output, "folder for the model, its metrics, report and checkpoints");
    field("from", r.from, "a model to continue from; none: a new one of the shape below");
    field("dim", r.dim, "numbers in a token's vector");
    field("layers", r.layers, "how many");
    field("heads", r.heads, "attention heads");
    field("kv_heads", r.kv_heads, "key and value heads, shared by groups of heads");
    field("ffn", r.ffn, "numbers inside the feed-forward part");
    field("context", r.context, "most tokens that the model is made for");
    field("tied", r.tied, "the head is the embedding");
    field("type", r.type, "what products compute in: bf16 or f32; masters are f32");
    field("steps", r.steps, "how many");
    field("length", r.length, "tokens of a training row");
    field("batch", r.batch, "rows of a step, over all passes and processes");
    field("micro_batch", r.micro_batch, "rows of a pass: less takes less memory; 0: all of a process's share");
    field("learning_rate", r.learning_rate, "at its highest");
    field("final_learning_rate", r.final_learning_rate, "at the end, as a share of the highest");
    field("schedule", r.schedule, "after the warm-up: cosine, linear, or constant (then a linear decay)");
    field("decay_share", r.decay_share, "constant schedule: share of the steps that decay");
    field("warm_up", r.warm_up, "steps until the highest learning rate; -1: a tenth of all steps, at most 100");
    fields(r.optimizer, field);
    field("recompute", r.recompute, "compute activations again on the way back: less memory, a third more work");
    field("gradient_sum", r.gradient_sum, "tree: the same bits for any split of a step; running: less memory");
    field("seed", r.seed, "of the weights and of the order of rows");
    field("validate_every", r.validate_every, "steps between validations; 0: at the end only");
    field("validation_rows", r.validation_rows, "rows of the validation data to use; 0: all");
    field("sample_every", r.sample_every, "steps between samples of text; 0: none");
    field("prompt", r.prompt, "what samples continue");
    field("checkpoint_every", r.checkpoint_every, "steps between checkpoints; 0: at the end only");
    field("keep_checkpoints", r.keep_checkpoints, "the newest that are kept");
}

// Both return the names of the fields that the text sets; parse_recipe leaves the others as they are.
std::vector<std::string> read_recipe(Recipe& recipe, const std::filesystem::path& path);
std::vector<std::string> parse_recipe(Recipe& recipe, std::string_view toml, std::string_view path);
void validate(const Recipe& recipe, int processes);
Config config_of(const Recipe& recipe, int64_t vocabulary);

int64_t warm_up_steps(const Recipe& recipe);  // also where the recipe leaves it to the number of steps

// The learning rate of step 0, 1, ...
double learning_rate_at(const Recipe& recipe, int64_t step);

}  // namespace puna
