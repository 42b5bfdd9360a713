// train/card.h — README.md of a model that was trained here: its card, made of what was measured.
#pragma once
#include "data/shard_set.h"
#include "model/config.h"
#include "train/recipe.h"

#include <filesystem>
#include <string>

namespace puna {

void write_card(const std::filesystem::path& folder, const Recipe& recipe, const Config& config, const SetIndex& data);

// generation_config.json: Meta's sampling defaults and the tokens that end a text.
std::string generation_config_json(const Config& config);

}  // namespace puna
