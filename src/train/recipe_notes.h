// train/recipe_notes.h — warnings about a recipe that can be run, but has fields without effect or in conflict.
//
//   for (const FieldNote& note : notes_on(recipe, named)) log_warning("{}: {}", note.field, note.text);
//
// Recipes that cannot run are rejected by validate() in train/recipe.h.
#pragma once
#include "core/fields.h"
#include "train/recipe.h"

#include <functional>
#include <string_view>
#include <vector>

namespace puna {

bool has_effect(const Recipe& recipe, std::string_view field);  // false: other fields leave its value unused

// named: whether the user set this field.
std::vector<FieldNote> notes_on(const Recipe& recipe, const std::function<bool(std::string_view field)>& named);

}  // namespace puna
