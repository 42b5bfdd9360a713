// train/recipe_notes.h — what of a recipe has no effect, or contradicts the rest of it, though it can be run.
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

// A line for each, beginning with the field: "prompt: has no effect, ...". named: did someone set this field.
std::vector<std::string> notes_on(const Recipe& recipe, const std::function<bool(std::string_view field)>& named);

}  // namespace puna
