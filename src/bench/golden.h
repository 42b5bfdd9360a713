// bench/golden.h — holds the model against numbers that a reference computed: a golden folder has the weights (hf/),
// what they must give (golden.safetensors) and what each of its tensors is (golden.json).
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
    std::string kernels, type;  // "avx2", "bf16": the weights' type; masters and sums are f32
    std::string what;           // as golden.json names it; "grad.*" is the worst of all gradients
    double error, tolerance;
};

// Everything that golden.json names, in f32 and bf16, for every table of kernels. Gradients, norms and losses of
// training are relative (to their tensor's largest value), logits and loss absolute. Throws Error if the folder is not
// of that kind.
std::vector<GoldenRow> check_golden(const std::filesystem::path& folder);
std::vector<GoldenRow> check_golden(const std::filesystem::path& folder, const Kernels& kernels, Dtype type);

}  // namespace puna
