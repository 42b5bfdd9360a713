// train/training_memory.h — the memory that a training run needs, in bytes: plain arithmetic, before anything is
// allocated.
//
//   TrainingMemory memory = plan_training_memory(config, recipe, 8);
//   if (memory.total() > static_cast<double>(available_memory())) log_warning("{}", describe(memory));
//
// Of one process. Not counted: the program itself, and scratch memory of the kernels.
#pragma once
#include "model/config.h"
#include "nn/gradients.h"
#include "train/recipe.h"

#include <cstdint>
#include <string>

namespace puna {

struct TrainingMemory {      // doubles: a recipe may ask for more than any machine has
    double weights = 0;      // in the type of the products, and f32 masters
    double optimizer = 0;    // AdamW's two moments
    double gradients = 0;    // partial sums of those of all weights
    double activations = 0;  // of a pass, and their gradients
    double total() const { return weights + optimizer + gradients + activations; }
};

// rows: of a step, in this process.
TrainingMemory plan_training_memory(const Config& config, const Recipe& recipe, int64_t rows);

std::string describe(const TrainingMemory& memory);  // "1.3 GB (weights 24 MB, optimizer 32 MB, ...)"

// How the gradients of a step's rows are added.
GradientPlan gradient_plan(const Recipe& recipe, int64_t rows);

}  // namespace puna
