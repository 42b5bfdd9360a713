// train/recipe.h — the configuration of a training run: a TOML file of `name = value` lines; each field is also a flag.
//
//   Recipe recipe;
//   read_recipe(recipe, "recipes/tiny.toml");
//   validate(recipe, group.size());
//
// Two runs with the same recipe, data and number of steps are bit-identical. Throws Error with the file, line and
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

enum class Schedule { cosine, linear, constant };
inline std::vector<std::string_view> enum_names(Schedule) { return {"cosine", "linear", "constant"}; }

// How the gradients of a step's chunks are added.
enum class SumOrder { tree, running };
inline std::vector<std::string_view> enum_names(SumOrder) { return {"tree", "running"}; }

inline constexpr double max_steps = int64_t{1} << 40;

struct Recipe {
    std::string data, validation, output, from;
    int64_t dim = 256, layers = 6, heads = 4, kv_heads = 2, ffn = 688, context = 512;
    bool tied = true;
    Dtype type = Dtype::bf16;

    int64_t steps = 1000, length = 512, batch = 8, micro_batch = 0;
    double epochs = 0;
    double learning_rate = 1e-3, final_learning_rate = 0.1, decay_share = 0.2;
    Schedule schedule = Schedule::cosine;
    int64_t warm_up = -1;
    OptimizerOptions optimizer;
    bool recompute = false;
    SumOrder gradient_sum = SumOrder::tree;
    int64_t seed = 1;

    int64_t validate_every = 200, validation_rows = 64, sample_every = 200, checkpoint_every = 200,
            keep_checkpoints = 2;
    bool keep_best = true;
    std::string prompt;
};
template <class F>
void fields(Recipe& r, F field) {
    constexpr double max_rows = 1 << 20, max_size = ConfigLimits::size;
    field.group("Data");
    field("data", r.data, "training set, written by puna data pack", {.word = "FOLDER", .required = true});
    field("validation", r.validation, "validation set; none: no validation",
          {.word = "FOLDER", .unset = "the folder validation in the training set, if there is one"});
    field("length", r.length, "tokens per training row", {.min = 1, .max = max_rows});
    field("batch", r.batch, "rows per step, over all passes and processes", {.min = 1, .max = max_rows});
    field("micro_batch", r.micro_batch, "rows per pass (gradient accumulation): fewer need less memory",
          {.min = 0, .unset = "all rows of a process"});
    field.group("Model");
    field("from", r.from, "model to fine-tune; it determines the shape", {.word = "MODEL", .unset = "random weights"});
    field("dim", r.dim, "hidden size", {.min = 1, .max = max_size});
    field("layers", r.layers, "number of layers", {.min = 1, .max = ConfigLimits::layers});
    field("heads", r.heads, "number of attention heads", {.min = 1, .max = max_size});
    field("kv_heads", r.kv_heads, "number of key-value heads (grouped-query attention)", {.min = 1, .max = max_size});
    field("ffn", r.ffn, "feed-forward size", {.min = 1, .max = max_size});
    field("context", r.context, "maximum sequence length of the model, in tokens",
          {.min = 1, .max = ConfigLimits::context});
    field("tied", r.tied, "tie the output head to the embedding");
    field("type", r.type, "dtype of matrix products; master weights are f32", {.word = "bf16|f32"});
    field.group("Schedule");
    field("steps", r.steps, "number of training steps", {.min = 1, .max = max_steps});
    field("epochs", r.epochs, "instead of steps: passes over the training set", {.min = 0, .max = 1e6, .unset = "off"});
    field("learning_rate", r.learning_rate, "peak learning rate", {.min = 0, .max = 1e3});
    field("final_learning_rate", r.final_learning_rate, "final learning rate, as a fraction of the peak",
          {.min = 0, .max = 1});
    field("schedule", r.schedule, "learning rate after warm-up; constant ends with a linear decay");
    field("decay_share", r.decay_share, "schedule constant: fraction of the steps in the decay", {.min = 0, .max = 1});
    field("warm_up", r.warm_up, "warm-up steps, in which the learning rate rises linearly",
          {.min = -1, .max = max_steps, .unset = "a tenth of all steps, at most 100"});
    field.group("Optimization");
    fields(r.optimizer, field);
    field("recompute", r.recompute, "recompute activations in the backward pass: less memory, a third more work");
    field("gradient_sum", r.gradient_sum, "tree: bit-identical for any split of a step; running: less memory");
    field("seed", r.seed, "random seed for the weights and the order of rows", {.min = 0});
    field.group("Evaluation");
    field("validate_every", r.validate_every, "steps between validations; 0 = at the end only",
          {.min = 0, .max = max_steps});
    field("validation_rows", r.validation_rows, "validation rows to use; 0 = all", {.min = 0, .max = max_steps});
    field("sample_every", r.sample_every, "steps between text samples; 0 = none", {.min = 0, .max = max_steps});
    field("prompt", r.prompt, "what samples begin with; for conversations the user's message",
          {.unset = "nothing; for conversations \"Who are you?\""});
    field.group("Output and checkpoints");
    field("output", r.output, "folder for the model, metrics, report and checkpoints",
          {.word = "FOLDER", .required = true});
    field("checkpoint_every", r.checkpoint_every, "steps between checkpoints; 0 = at the end only",
          {.min = 0, .max = max_steps});
    field("keep_checkpoints", r.keep_checkpoints, "number of newest checkpoints to keep", {.min = 1, .max = max_rows});
    field("keep_best", r.keep_best, "also write and keep a checkpoint of the lowest validation loss");
}

inline constexpr std::string_view no_validation = "none";  // a value of `validation`
bool validates(const Recipe& recipe);                      // whether it names a validation set

// Both return the names of the fields that are set; the others keep their values.
std::vector<std::string> read_recipe(Recipe& recipe, const std::filesystem::path& path);
std::vector<std::string> parse_recipe(Recipe& recipe, std::string_view toml, std::string_view path);
void validate(const Recipe& recipe, int processes);  // what no field knows alone: the shape, and how rows are split
Config config_of(const Recipe& recipe, int64_t vocabulary);

int64_t warm_up_steps(const Recipe& recipe);  // resolves -1

// step counts from 0.
double learning_rate_at(const Recipe& recipe, int64_t step);

}  // namespace puna
