#include "library/well_known.h"

#include "infer/memory_plan.h"

namespace puna {

namespace {

constexpr WellKnownModel all_models[] = {
    {"bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M", ModelShape::b1, 810'000'000},
    {"bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M", ModelShape::b3, 2'030'000'000},
    {"bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M", ModelShape::b8, 4'930'000'000},
    {"bartowski/Llama-3.3-70B-Instruct-GGUF:Q4_K_M", ModelShape::b70, 42'530'000'000},
};

}  // namespace

std::span<const WellKnownModel> well_known_models() { return all_models; }

const WellKnownModel* largest_that_fits(const Kernels& kernels, const EngineOptions& options, int64_t available) {
    const WellKnownModel* largest = nullptr;
    for (const WellKnownModel& model : all_models) {
        HeldWeight weights{model.bytes, true};
        if (plan_memory(kernels, config_of_shape(model.shape), {&weights, 1}, options, available).fits())
            largest = &model;
    }
    return largest;
}

}  // namespace puna
