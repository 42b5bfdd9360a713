// train/recipe_notes.h — warnings about a recipe that can be run, but has fields without effect or in conflict.
//
//   for (const std::string& note : notes_on(recipe, named)) log_warning("{}", note);
//
// What cannot be run is an error of validate() in train/recipe.h.
#pragma once
#include "train/recipe.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// A line for each, beginning with the field: "prompt: has no effect, ...". named: was this field set by the user.
std::vector<std::string> notes_on(const Recipe& recipe, const std::function<bool(std::string_view field)>& named);

}  // namespace puna
