// model/load.h — a Llama from the files of a model, and back to a Hugging Face folder.
//
//   Llama llama = load_llama(kernels, folder, {});                      // as stored, memory-mapped
//   Llama trainable = load_llama(kernels, folder, {.dtype = Dtype::bf16, .trainable = true});
//   save_llama(llama, folder, Dtype::bf16);                             // config.json and model.safetensors
//
// Weights whose rows are not in our order, or that are split over files, are copied; others stay views of the files.
#pragma once
#include "files/shards.h"
#include "model/initialize.h"
#include "model/source.h"

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

namespace puna {

// As open_model(folder)->config().
Config load_config(const std::filesystem::path& folder);

// Throws Error that names the folder and the tensor if one is missing, of another shape or of an unsupported dtype.
Llama load_llama(const Kernels& kernels, const std::filesystem::path& folder, const LoadOptions& options);
Llama load_llama(const Kernels& kernels, const std::shared_ptr<ModelSource>& source, const LoadOptions& options);

// Throws Error if the files have tensors without which the model would give other answers than its own: a layer after
// the config's last one, or parts of another architecture.
void check_tensors(ModelSource& source);

// The memory of the weights that load_llama would make for inference, of this dtype. A tied output has none.
struct HeldWeight {
    int64_t bytes = 0;
    bool mapped = false;  // a view of a file
};
std::vector<HeldWeight> planned_weights(const Config& config, Dtype dtype);  // of a model that is nowhere yet
std::vector<HeldWeight> held_weights(const Kernels& kernels, ModelSource& source, std::optional<Dtype> dtype);

// A split by columns must give every process whole blocks of the dtype: throws Error that names the tensor.
void check_column_split(std::string_view name, Dtype dtype, int64_t columns, int64_t processes,
                        std::string_view folder);

// Writes config.json and the weights (from the masters, if any) as f32, bf16 or f16. Needs a group of one.
void save_llama(Llama& llama, const std::filesystem::path& folder, Dtype dtype, const ShardOptions& options = {});

}  // namespace puna
