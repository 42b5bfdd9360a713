// cli/offer.h — offers to chat with a larger model than the one that comes with the program.
//
//   std::filesystem::path path = offer_larger_model("models/starter", {.context = 4096});
//
// For ./start, in a terminal: the largest Llama that fits the free memory (library/well_known.h), with its name, size
// and license, is downloaded if somebody presses one key. Where the hub cannot be reached nothing is offered, and that
// is known within a second.
#pragma once
#include "infer/engine_options.h"

#include <filesystem>

namespace puna {

// The path of that model, or `model` again. Nothing that fails on the way is an Error.
std::filesystem::path offer_larger_model(const std::filesystem::path& model, const EngineOptions& options);

}  // namespace puna
