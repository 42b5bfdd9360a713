// infer/load.h — creates an engine from a model folder.
//
//   Engine engine = load_engine("models/starter", {.context = 2048});
//
// Sampling defaults and stop tokens come from generation_config.json (infer/generation_config.h); without the file,
// SampleOptions' own defaults apply.
#pragma once
#include "infer/engine.h"

#include <filesystem>
#include <string>

namespace puna {

struct EngineLoadOptions {
    std::string type;
    int64_t context = 0;
    int slots = 1;
};
template <class F>
void fields(EngineLoadOptions& o, F field) {
    field.group("Model");
    field("type", o.type, "weight dtype for inference", {.word = "f32|bf16|f16", .unset = "as stored"});
    field("context", o.context, "maximum number of tokens, prompt and answer together",
          {.min = 0, .unset = "the model's limit, at most 8192"});
}

void validate(const EngineLoadOptions& options);  // throws Error that names the field; called by load_engine

// Throws Error that names the folder or file and the reason.
Engine load_engine(const std::filesystem::path& folder, const EngineLoadOptions& options = {});

}  // namespace puna
