// train/card.h — README.md of a model that was trained here: its card, made of what was measured.
#pragma once
#include "data/shard_set.h"
#include "model/config.h"
#include "train/recipe.h"

#include <filesystem>
#include <string>
#include <vector>

namespace puna {

// Reads metrics.jsonl and timing.jsonl of the folder and index.json and sources.jsonl of the recipe's sets, and writes
// README.md into the folder. data: the index of the training set; changes: of the recipe on the way (RunState). Throws
// Error where one of them cannot be read.
void write_card(const std::filesystem::path& folder, const Recipe& recipe, const Config& config, const SetIndex& data,
                const std::vector<std::string>& changes);

// A folder as others may know it: its last name; of a set that is held out of another, "stories/validation".
std::string public_name(const std::filesystem::path& folder);

// generation_config.json: Meta's sampling defaults and the tokens that end a text.
std::string generation_config_json(const Config& config);

}  // namespace puna
