#include "train/training_memory.h"

#include "core/progress.h"
#include "model/weights.h"
#include "nn/batch.h"

#include <algorithm>

namespace puna {

namespace {

constexpr double float_bytes = 4;

int64_t rows_per_pass(const Recipe& recipe, int64_t rows) { return recipe.micro_batch > 0 ? recipe.micro_batch : rows; }
int64_t chunks_of_row(const Recipe& recipe) { return std::ssize(chunks_of(1, recipe.length)) - 1; }

// Of each token, in floats: the values of a layer that backward needs, all of which have gradients but for `extra`.
struct LayerValues {
    double values, extra;  // extra: the scales of norms, and the log sums of attention
};

LayerValues layer_values(const Config& c) {
    return {static_cast<double>(4 * c.dim + 2 * c.q_dim() + 2 * c.kv_dim() + 3 * c.ffn),
            static_cast<double>(2 + c.heads)};
}

// Gradients are freed layer by layer; when activations are recomputed, these are too, but for each layer's output.
double activation_bytes(const Config& c, const Recipe& recipe, int64_t rows) {
    auto layers = static_cast<double>(c.layers), dim = static_cast<double>(c.dim);
    double tokens = static_cast<double>(rows_per_pass(recipe, rows)) * static_cast<double>(recipe.length);
    LayerValues layer = layer_values(c);
    double of_layer = layer.values + layer.extra, floats = layer.values;
    floats += recipe.recompute ? layers * dim + of_layer : layers * of_layer;
    floats += 6 * dim + static_cast<double>(c.head_dim);  // embedding, last norm, head, with gradients; rotary angles
    double chunk = static_cast<double>(recipe.length) / static_cast<double>(chunks_of_row(recipe));
    return float_bytes * (tokens * floats + chunk * static_cast<double>(c.vocabulary));
}

double weight_bytes(const Config& config, Dtype type) {
    double bytes = 0;
    for (const WeightInfo& info : list_weights(config)) {
        if (info.kind == WeightKind::output && config.tied) continue;
        bool converted = !info.is_vector() && type != Dtype::f32;
        double each = float_bytes + (converted ? static_cast<double>(*bytes_of(type, 1)) : 0);
        bytes += each * static_cast<double>(info.count());
    }
    return bytes;
}

}  // namespace

GradientPlan gradient_plan(const Recipe& recipe, int64_t rows) {
    return {.chunks_per_pass = rows_per_pass(recipe, rows) * chunks_of_row(recipe),
            .chunks_per_step = rows * chunks_of_row(recipe),
            .running = recipe.gradient_sum == SumOrder::running};
}

TrainingMemory plan_training_memory(const Config& config, const Recipe& recipe, int64_t rows) {
    auto head = static_cast<double>(config.vocabulary) * static_cast<double>(config.dim);
    double elements = static_cast<double>(parameter_count(config)) + (config.tied ? head : 0);
    GradientLevels levels = levels_of(gradient_plan(recipe, rows));
    return {.weights = weight_bytes(config, recipe.type),
            .optimizer = 2 * float_bytes * elements,
            .gradients = float_bytes * (elements * levels.all + head * levels.chunkwise),
            .activations = activation_bytes(config, recipe, rows)};
}

std::string describe(const TrainingMemory& memory) {
    auto quantity = [](double bytes) { return format_quantity(bytes, "B"); };
    return fmt::format("{} (weights {}, optimizer {}, gradients {}, activations {})", quantity(memory.total()),
                       quantity(memory.weights), quantity(memory.optimizer), quantity(memory.gradients),
                       quantity(memory.activations));
}

}  // namespace puna
