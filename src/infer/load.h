// infer/load.h — an engine of a model's folder.
//
//   Engine engine = load_engine("models/starter", {.context = 2048});
//
// Of generation_config.json it takes what the model's makers advise: temperature, top_p, top_k, min_p,
// repetition_penalty, whether to sample at all, and the stop tokens. A field that is missing there has transformers'
// default: no sampling; with it temperature 1, top_k 50. Without the file SampleOptions' own defaults hold.
#pragma once
#include "infer/engine.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace puna {

struct EngineLoadOptions {
    std::string type;
    int64_t context = 0;
    int slots = 1;
};
template <class F>
void fields(EngineLoadOptions& o, F field) {
    field("type", o.type, "compute with weights as f32, bf16 or f16; default: as they are stored");
    field("context", o.context, "most tokens of prompt and answer together; 0: the model's, at most 8192");
}

void validate(const EngineLoadOptions& options);  // throws Error, naming the field; load_engine begins with it

// Throws Error that names the folder or the file, and what is wrong.
Engine load_engine(const std::filesystem::path& folder, const EngineLoadOptions& options = {});

struct GenerationConfig {
    SampleOptions sample;
    std::vector<int32_t> stops;
};
GenerationConfig parse_generation_config(std::string_view json, std::string_view path);

}  // namespace puna
