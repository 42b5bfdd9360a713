// library/convert.h — a model in another format: a Hugging Face folder, a GGUF file, a folder in Meta's format.
//
//   convert_model(*open_model("Llama-3.2-1B"), "llama.gguf", ModelForm::gguf, {});
//   convert_model(*source, "out", ModelForm::huggingface, {.type = Dtype::f32});
//
// Weights are streamed: memory does not grow with the model. Where dtypes are kept nothing is lost; what a format
// cannot say is an Error before anything is written, or, in GGUF, a key puna.* that other programs ignore. The output
// appears when it is complete.
#pragma once
#include "core/dtype.h"
#include "model/source.h"

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace puna {

enum class ModelForm : uint8_t { huggingface, gguf, meta };
std::vector<std::string_view> enum_names(ModelForm);  // for core/fields.h: "hf", "gguf", "meta"

// By the name of the output: a name that ends in .gguf is such a file, all others are Hugging Face folders.
ModelForm form_of(const std::filesystem::path& output);

struct ConvertOptions {
    std::optional<Dtype> type;  // of matrices: f32, bf16 or f16; none: as stored, and quantized ones in bf16
    bool force = false;
};

// Throws Error that names the source, the tensor or the output.
void convert_model(ModelSource& source, const std::filesystem::path& output, ModelForm form,
                   const ConvertOptions& options);

}  // namespace puna
