// infer/memory_plan.h — the memory that an engine needs, in bytes: plain arithmetic, before anything is allocated.
//
//   MemoryPlan plan = plan_memory(kernels, config, weights, {.context = 8192}, available_memory());
//   if (!plan.fits()) fail(ErrorKind::out_of_memory, "{}", describe(plan));
//
// Of one process that holds the whole model. Weights that are views of mapped files need the same memory as others: the
// cache of files is available to them, and what does not fit would be read from the disk again for every token.
#pragma once
#include "infer/engine_options.h"
#include "model/load.h"

#include <cstdint>
#include <span>
#include <string>

namespace puna {

struct MemoryPlan {
    int64_t context = 0;              // tokens per sequence
    int64_t weights = 0, mapped = 0;  // in memory of their own, and views of files
    int64_t cache = 0;                // all pages, in the layout of the kernels
    int64_t activations = 0;          // of the largest step, with what it returns
    int64_t available = 0;
    int64_t packed = 0;  // room for packed copies (Llama::packing_room)

    int64_t needed() const;  // all but what is mapped
    int64_t total() const;   // with it
    bool fits() const { return total() <= available; }
};

// weights: those that are still to be loaded, by held_weights(). available: at that time. Sizes beyond 64 bits are as
// large as possible. Throws Error, naming `context`, if the model does not support it.
MemoryPlan plan_memory(const Kernels& kernels, const Config& config, std::span<const HeldWeight> weights,
                       const EngineOptions& options, int64_t available);

// Pages of the KV cache.
int64_t cache_pages(const Config& config, const EngineOptions& options);

// The tokens of a sequence: the requested ones, else the model's, at most default_context. Throws Error as above.
int64_t choose_context(const Config& config, int64_t requested);

// "14.2 GB of memory are needed (12 GB for weights, ...), but 8 GB are available".
std::string describe(const MemoryPlan& plan);

}  // namespace puna
