// train/recipe_notes.h — warnings about a recipe that can be run, but has fields without effect or in conflict.
//
//   for (const std::string& note : notes_on(recipe, named)) log_warning("{}", note);
//
// Recipes that cannot run are rejected by validate() in train/recipe.h.
#pragma once
#include "train/recipe.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// One line each, beginning with the field: "prompt: has no effect, ...". named: whether the user set this field.
std::vector<std::string> notes_on(const Recipe& recipe, const std::function<bool(std::string_view field)>& named);

}  // namespace puna
