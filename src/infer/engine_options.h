// infer/engine_options.h — the sizes of an engine.
//
//   Engine engine(std::move(llama), tokenizer, {.context = 4096, .sequences = 64});
#pragma once
#include "core/dtype.h"

#include <cstdint>

namespace puna {

struct EngineOptions {
    int64_t context = 0;            // tokens per sequence; 0: the model's, at most default_context
    int64_t sequences = 1;          // that run at once; others wait
    int64_t step_tokens = 512;      // of a step: more are computed in further steps
    int64_t cache_tokens = 0;       // in the KV cache, for all sequences; 0: the context of each; never less than one
    Dtype cache_type = Dtype::f32;  // or bf16: half the memory, keys and values are rounded
    int adapter = -1;               // of requests that name none; -1: none
    int64_t waiting = 1024;         // requests at once; further ones are refused
    bool poison_new_pages = false;  // for tests: pages are NaN before they are written
};

constexpr int64_t default_context = 8192;  // limit if no context is requested: a full context's cache can be large

}  // namespace puna
