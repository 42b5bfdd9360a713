// infer/generation_config.h — reads the sampling defaults and stop tokens of a model from generation_config.json.
//
//   GenerationConfig config = parse_generation_config(json, path);
//
// Fields: do_sample, temperature, top_p, top_k, min_p, repetition_penalty, eos_token_id (one id or a list); others are
// ignored. Missing ones have the defaults of transformers' GenerationConfig: no sampling (temperature 0); with
// do_sample temperature 1, top_p 1 and top_k 50.
#pragma once
#include "infer/sampler.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace puna {

struct GenerationConfig {
    SampleOptions sample;
    std::vector<int32_t> stops;  // token ids >= 0, at most 64; empty: the file names none
};

// Throws Error "path: ..." for invalid JSON and for fields of the wrong type or out of range. Source: transformers.
GenerationConfig parse_generation_config(std::string_view json, std::string_view path);

}  // namespace puna
