// model/importance.h — importance matrices: how much the error of each column of a matrix matters, that is the mean
// square of the input that it is multiplied with, measured on a text.
//
//   ImportanceMatrix importance = read_importance("llama.imatrix.gguf");           // or .dat; throws Error
//   ImportanceMatrix measured = measure_importance(llama, tokens, {});
//   Tensor weights = importance_of(importance, weight, memory, "llama.imatrix.gguf");  // for quantize_weight
//
// Entries have the names of GGUF, "blk.0.attn_q.weight", whatever the model's own format. Two file formats are read:
// GGUF with general.type "imatrix", which we write too, and the older .dat. Source: llama.cpp, tools/imatrix.
#pragma once
#include "kernels/arena.h"
#include "model/llama.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct ImportanceMatrix {
    std::map<std::string, std::vector<float>, std::less<>> mean_squares;  // by the matrix's name
    std::string dataset;                                                  // the text's name; may be empty
    int64_t chunks = 0;                                                   // of the text, on which it was measured
};

// Throws Error with the path and the entry if the file is damaged or no importance matrix.
ImportanceMatrix read_importance(const std::filesystem::path& path);
ImportanceMatrix parse_importance_dat(std::span<const std::byte> bytes, std::string_view path);

void write_importance(const ImportanceMatrix& importance, const std::filesystem::path& path);  // as GGUF

// The entry of a matrix; null if there is none. Throws Error if it is of another size: `path` is then of a file that
// was measured with another model.
const std::vector<float>* find_importance(const ImportanceMatrix& importance, const WeightInfo& weight,
                                          std::string_view path);

// The weights of the squared errors of a matrix's columns, f32 [columns] in `memory`; empty if it has no entry. Inputs
// that the text hardly used still count a little. Throws Error as find_importance.
Tensor importance_of(const ImportanceMatrix& importance, const WeightInfo& weight, Arena& memory,
                     std::string_view path);

struct ImportanceOptions {
    int64_t chunk = 512;  // tokens that see each other
    int32_t bos = -1;     // begins every chunk; -1: none
};

// The model is run on the tokens in chunks, of which the last may be shorter. Throws Error if there are none.
ImportanceMatrix measure_importance(Llama& llama, std::span<const int32_t> tokens, const ImportanceOptions& options);

}  // namespace puna
