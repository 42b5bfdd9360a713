// library/export_gguf.h — a model as a GGUF file.
//
//   export_gguf(model, "llama.gguf", {.weights = model.weights({}), .file_type = 1});
//
// Other programs of the format find what they need under its own keys; what these cannot say is under puna.*. Norms and
// biases are f32 there. Source: ggml, docs/gguf.md.
#pragma once
#include "library/model_export.h"

#include <filesystem>

namespace puna {

struct GgufExport {
    std::vector<ExportedWeight> weights;
    uint32_t file_type = 0;  // general.file_type
    NamedImportance importance = {};
    std::string_view task = "converting";  // for the progress bar
    std::string_view relation = {};        // to the model; empty: the same in another form (library/card.h)
};

// The file appears when it is complete.
void export_gguf(const ModelExport& model, const std::filesystem::path& path, GgufExport file);

}  // namespace puna
