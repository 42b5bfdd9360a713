// covers: src/train/recipe.cpp
#include "core/fuzz.h"
#include "train/recipe.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::Recipe recipe;
        puna::parse_recipe(recipe, input, "recipe.toml");
        puna::validate(recipe, 2);
        puna::config_of(recipe, 4096);
        for (int64_t step : {0, 1, 1000}) puna::learning_rate_at(recipe, step);
    });
}
