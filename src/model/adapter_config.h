// model/adapter_config.h — adapter_config.json of a LoRA adapter in PEFT's format.
//
//   AdapterConfig config = parse_adapter_config(json, "my-adapter/adapter_config.json");
//   double scale = config.scale("model.layers.0.self_attn.q_proj", 8);     // of b a x, for a pair of rank 8
//
// Missing fields have the defaults of PEFT's LoraConfig. The rank and alpha of a matrix may be given by the last parts
// of its name (rank_pattern, alpha_pattern). What would change more than the products of matrices is refused by name:
// DoRA, biases, whole modules (modules_to_save), repeated layers, kinds of adapters other than LoRA, and
// initializations that also changed the base. Source: peft/tuners/lora/config.py and layer.py; Hu et al. 2021;
// Kalajdzievski 2023.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace puna {

struct AdapterConfig {
    int64_t rank = 8;
    double alpha = 8;
    bool stabilized = false;                             // scale = alpha / sqrt(rank) instead of alpha / rank
    std::vector<std::pair<std::string, int64_t>> ranks;  // of matrices whose names end with these parts
    std::vector<std::pair<std::string, double>> alphas;
    std::vector<std::string> targets;  // last parts of the names of all matrices with a pair; empty: not listed
    std::string base;                  // the base model's name, as its author had it; may be empty

    // module: the matrix as Hugging Face names it, without ".weight". rank: of its pair.
    bool allows_rank(std::string_view module, int64_t rank) const;
    double scale(std::string_view module, int64_t rank) const;
};

// Throws Error "path: ..." that names the field.
AdapterConfig parse_adapter_config(std::string_view json, std::string_view path);

// Whether a name is one of these parts, or ends with a dot and one: "self_attn.q_proj" with "q_proj".
bool ends_with_part(std::string_view name, std::string_view part);

}  // namespace puna
