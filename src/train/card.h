// train/card.h — the model card, README.md, written from a run's metrics.
#pragma once
#include "data/shard_set.h"
#include "model/config.h"
#include "train/recipe.h"

#include <filesystem>
#include <string>
#include <vector>

namespace puna {

// Conversations that are longer than a row, by --length: their ends are not read.
struct Truncated {
    int64_t training = 0, validation = 0;
};

// Reads metrics.jsonl and timing.jsonl in the folder and index.json and sources.jsonl of the recipe's sets, and writes
// README.md to the folder. data: index of the training set; changes: changes of the recipe during the run (RunState).
// Throws Error if one of them cannot be read.
void write_card(const std::filesystem::path& folder, const Recipe& recipe, const Config& config, const SetIndex& data,
                Truncated truncated, const std::vector<std::string>& changes);

// A folder's name without private parent paths: its last component; "stories/validation" for a validation set.
std::string public_name(const std::filesystem::path& folder);

// generation_config.json: the settings of the base model's, else Meta's sampling defaults; with the BOS and EOS ids.
std::string generation_config_json(const Config& config, std::string_view base);

}  // namespace puna
