// library/model_facts.h — what is known of a model without loading it, and the memory that it would need.
//
//   ModelFacts facts = read_model_facts("Llama-3.2-1B.Q8_0.gguf");
//   const Kernels& kernels = choose_kernels();
//   std::vector<HeldWeight> weights = weights_of(kernels, facts, {});
//   MemoryPlan plan = plan_memory(kernels, facts.config, weights, {.context = 4096}, available_memory());
//
// A folder with a config.json alone is enough: then there are no types, and the plan is for bf16.
#pragma once
#include "infer/memory_plan.h"
#include "model/source.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace puna {

struct TypeShare {
    Dtype dtype = Dtype::f32;
    int64_t tensors = 0, parameters = 0, bytes = 0;
};

struct ModelFacts {
    std::string name, format;  // format: as ModelSource's, or "config.json only", or "shape"
    Config config;
    int64_t parameters = 0;
    std::vector<TypeShare> types = {};              // of the weights, the largest first
    std::shared_ptr<ModelSource> source = nullptr;  // none of a config or a shape

    int64_t bytes() const;
    double bits_per_weight() const;  // 0 without types
};

// Throws Error as open_model, and for tensors that are missing or of another shape.
ModelFacts read_model_facts(const std::filesystem::path& path);
ModelFacts facts_of_config(std::string name, std::string format, const Config& config);

// For plan_memory. type: of the weights, as for loading; none: as stored.
std::vector<HeldWeight> weights_of(const Kernels& kernels, const ModelFacts& facts, std::optional<Dtype> type);

}  // namespace puna
