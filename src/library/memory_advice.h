// library/memory_advice.h — what to do about a model that does not fit into the memory.
//
//   if (!plan.fits()) fail("{}: {}", describe(plan), memory_advice(kernels, config, weights, options, available));
#pragma once
#include "infer/memory_plan.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace puna {

// The largest context that would fit: "a context of 4,096 tokens would fit"; else the finest quantized type of the same
// model with the context of the options, or with the largest one; else a smaller model. Arguments: as plan_memory's.
std::string memory_advice(const Kernels& kernels, const Config& config, std::span<const HeldWeight> weights,
                          const EngineOptions& options, int64_t available);

// 0: not even a page of tokens fits.
int64_t largest_context(const Kernels& kernels, const Config& config, std::span<const HeldWeight> weights,
                        const EngineOptions& options, int64_t available);

}  // namespace puna
