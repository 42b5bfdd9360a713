// model/quantization_mix.h — the file types of quantized models, and the dtype that each gives to each weight.
//
//   const FileType& type = find_file_type("q4_k_m");                // throws Error that lists what there is
//   QuantizationMix mix = mix_weights(type, config, has_importance);
//   for (const MixedWeight& mixed : mix.weights) make(mixed.weight, mixed.dtype);
//   if (std::string note = mix.fallbacks(); !note.empty()) log_warning("{}: {}", path, note);
//
// A mix stores most matrices in the base type of its file type and those that suffer most in a finer one; norms stay
// f32. The rules are those that every GGUF file of these names follows. Source: llama.cpp, llama-quant.cpp.
#pragma once
#include "model/weights.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct FileType {
    std::string_view name;         // as users write it: "q4_k_m"
    std::string_view description;  // for a list of them, with the bits per weight of Llama 3.1 8B
    uint32_t number;               // general.file_type of a GGUF file
    Dtype base;
    bool needs_importance = false;  // too few bits for errors that count alike
};

std::span<const FileType> file_types();  // coarse ones last
const FileType& find_file_type(std::string_view name);

struct MixedWeight {
    WeightInfo weight;
    Dtype dtype;
    Dtype wanted;  // by the rules; `dtype` is another one where rows are no whole blocks of this
};

struct QuantizationMix {
    std::vector<MixedWeight> weights;  // of list_weights, without a tied output

    int64_t bytes() const;  // of all weights
    // One line about weights that got another dtype than the rules give; empty if there are none:
    // "7 weights are q5_0 instead of q4_K: rows of 288 elements are not whole blocks of 256".
    std::string fallbacks() const;
};

// Throws Error (usage) if the file type needs an importance matrix and there is none.
QuantizationMix mix_weights(const FileType& type, const Config& config, bool has_importance);

}  // namespace puna
