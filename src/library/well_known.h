// library/well_known.h — Llamas that many people run, as single GGUF files of the hub in Q4_K_M: what ./start offers.
//
//   if (const WellKnownModel* model = largest_that_fits(choose_kernels(), {}, available_memory()))
//       fmt::print("{}\n", model->name);
//
// This table is the one place that names them. What fits is computed from their shapes, without a network; what is
// downloaded and under which license the hub says.
#pragma once
#include "infer/engine_options.h"
#include "kernels/kernels.h"
#include "model/shapes.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace puna {

struct WellKnownModel {
    std::string_view name;  // as for puna pull
    ModelShape shape;

    int64_t bytes() const;  // of its weights
};

std::span<const WellKnownModel> well_known_models();  // the smallest first

// The largest that an engine with these options could run in `available` bytes; null: none.
const WellKnownModel* largest_that_fits(const Kernels& kernels, const EngineOptions& options, int64_t available);

}  // namespace puna
