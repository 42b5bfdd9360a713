// library/well_known.h — Llamas that many people run, as single GGUF files of the hub: what ./start offers.
//
//   if (const WellKnownModel* model = largest_that_fits(choose_kernels(), {}, available_memory()))
//       fmt::print("{}\n", model->name);
//
// This table is the one place that names them. Sizes are those of the files, rounded up, so that it can be said without
// a network what fits; what is downloaded and under which license the hub says.
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
    int64_t bytes;
};

std::span<const WellKnownModel> well_known_models();  // the smallest first

// The largest that an engine with these options could run in `available` bytes; null: none.
const WellKnownModel* largest_that_fits(const Kernels& kernels, const EngineOptions& options, int64_t available);

}  // namespace puna
