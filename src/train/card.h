// train/card.h — the model card, README.md, written from a run's metrics.
#pragma once
#include "data/shard_set.h"
#include "model/config.h"
#include "train/recipe.h"

#include <filesystem>
#include <string>
#include <vector>

namespace puna {

// What the card says of a run beside its metrics.
struct CardFacts {
    const Recipe& recipe;
    const Config& config;
    const SetIndex& data;  // index of the training set
    // Conversations that are longer than a row, by `length`: their ends are not read.
    int64_t truncated = 0, truncated_in_validation = 0;
    std::vector<std::string> changes;  // of the recipe during the run (RunState)
    std::string kernels;               // full name of the kernel table
};

// Reads metrics.jsonl and timing.jsonl in the folder and index.json and sources.jsonl of the recipe's sets, and writes
// README.md to the folder. Throws Error if one of them cannot be read.
void write_card(const std::filesystem::path& folder, const CardFacts& facts);

// A folder's name without private parent paths: its last component; "stories/validation" for a validation set,
// "my-model" for one of its checkpoints, "meta-llama/Llama-3.2-1B" for a model in Hugging Face's cache.
std::string public_name(const std::filesystem::path& folder);

}  // namespace puna
