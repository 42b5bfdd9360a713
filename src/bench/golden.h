// bench/golden.h — compares the model with results of a reference implementation. A golden folder has the weights
// (hf/), the expected tensors (golden.safetensors) and their descriptions (golden.json).
//
//   for (const GoldenRow& row : check_golden("tiny3")) check(row.error <= row.tolerance, "{}", row.what);
#pragma once
#include "core/dtype.h"
#include "kernels/kernels.h"

#include <filesystem>
#include <string>
#include <vector>

namespace puna {

struct GoldenRow {
    std::string kernels, type;  // "avx2"; type of the weights: "bf16". Masters and sums are f32
    std::string what;           // key in golden.json; "grad.*" is the worst of all gradients
    double error, tolerance;
};

// Checks every entry of golden.json in f32 and bf16 with every kernel table. Errors of gradients, gradient norms and
// training losses are relative (gradients: to the tensor's largest magnitude), of logits and loss absolute. Throws
// Error if the folder is not a valid golden folder.
std::vector<GoldenRow> check_golden(const std::filesystem::path& folder);
std::vector<GoldenRow> check_golden(const std::filesystem::path& folder, const Kernels& kernels, Dtype type);

}  // namespace puna
