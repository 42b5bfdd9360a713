// library/names.h — what a MODEL on the command line means: a path, or the name of a model that is here or on the hub.
//
//   std::filesystem::path path = resolve_model("bartowski/Llama-3.2-1B-Instruct-GGUF:q8_0", {.ask = ask_user});
//   Engine engine = load_engine(path);
//
// In this order: a file or folder; a model in the hub's cache; a model of another program
// (library/tools/models_here.h), which is run in place; a repository of the hub, which is pulled after one question.
#pragma once
#include "library/hub/pull.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace puna {

// How a name that is not here is pulled. Called with what would be downloaded; false: it must not be. Without it
// nothing is asked of the hub, and the Error says how to pull the model.
struct ResolveOptions {
    HubOptions hub = {};
    std::function<bool(const PullPlan&)> ask = {};
    PullOptions pull = {};
};

// Throws Error of kind not_found for a name that is nothing, and what pull throws.
std::filesystem::path resolve_model(std::string_view model, const ResolveOptions& options = {});

// The same without the hub; none if it is not here. Throws Error for a model of another program that cannot be used.
std::optional<std::filesystem::path> find_model_path(std::string_view model, const std::filesystem::path& hub_cache);
std::optional<std::filesystem::path> find_in_library(std::string_view model);  // with the environment's cache

}  // namespace puna
