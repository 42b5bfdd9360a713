// library/quantize.h — a model as a GGUF file of quantized weights.
//
//   quantize_model(*open_model("Llama-3.2-1B"), "q4_k_m", "llama.Q4_K_M.gguf", {});
//   auto importance = [] { return NamedImportance{read_importance("llama.imatrix"), "llama.imatrix"}; };
//   quantize_model(*source, "iq2_xs", "llama.IQ2_XS.gguf", {.importance = importance});
//
// On all cores, streamed: memory does not grow with the model. Which weight gets which dtype: model/quantization_mix.h.
#pragma once
#include "library/model_export.h"

#include <filesystem>
#include <functional>
#include <string_view>

namespace puna {

struct QuantizeOptions {
    std::function<NamedImportance()> importance = {};  // called when all else was checked; none: columns count alike
    bool force = false;
};

// file_type: a name of file_types(), or one of their dtypes' names. Prints notes on weights that get another dtype than
// the file type says, and on sources that are quantized already. The file appears when it is complete. Throws Error
// that names the source, the weight or the output; (usage) if the type needs an importance matrix and there is none.
void quantize_model(ModelSource& source, std::string_view file_type, const std::filesystem::path& output,
                    const QuantizeOptions& options);

// Runs the model on a text file, in chunks of 512 tokens.
ImportanceMatrix measure_importance(const std::filesystem::path& model, const std::filesystem::path& text);

}  // namespace puna
