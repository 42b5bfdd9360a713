#include "library/well_known.h"

#include "infer/memory_plan.h"
#include "model/quantization_mix.h"

namespace puna {

namespace {

constexpr WellKnownModel all_models[] = {
    {"bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M", ModelShape::b1},
    {"bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M", ModelShape::b3},
    {"bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M", ModelShape::b8},
    {"bartowski/Llama-3.3-70B-Instruct-GGUF:Q4_K_M", ModelShape::b70},
};

}  // namespace

int64_t WellKnownModel::bytes() const {
    return mix_weights(find_file_type("q4_k_m"), config_of_shape(shape), false).bytes();
}

std::span<const WellKnownModel> well_known_models() { return all_models; }

const WellKnownModel* largest_that_fits(const Kernels& kernels, const EngineOptions& options, int64_t available) {
    const WellKnownModel* largest = nullptr;
    for (const WellKnownModel& model : all_models) {
        HeldWeight weights{model.bytes(), true};
        if (plan_memory(kernels, config_of_shape(model.shape), {&weights, 1}, options, available).fits())
            largest = &model;
    }
    return largest;
}

}  // namespace puna
