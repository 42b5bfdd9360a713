// library/catalog.h — the models on this disk: those in the hub's cache, then those of other programs.
//
//   Catalog catalog = list_models(hub_cache_folder());
//   for (const CatalogModel& model : catalog.models) fmt::print("{}  {}\n", model.name, model.path.string());
//   if (const CatalogModel* model = find_model_here(catalog, "llama3.2:3b")) open(model->path);
//
// A repository with a Hugging Face folder is one model, a GGUF file another. Nothing is opened: names come from files,
// in milliseconds. What the files say is read by summarize().
#pragma once
#include "library/tools/models_here.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

inline constexpr std::string_view hub_tool = "hub";  // of what lies in the hub's cache

using CatalogModel = ModelHere;

struct Catalog {
    std::vector<CatalogModel> models;     // in the cache by name, then by tool
    std::vector<std::string> incomplete;  // repositories in the cache without a whole model
    std::vector<Remark> remarks;
};

Catalog list_models(const std::filesystem::path& hub_cache);

// By its name, or by TOOL/NAME where several have that name; null: there is none. Of a repository in the cache with
// several GGUF files, a name without a type is that of Q4_K_M, as for pull.
const CatalogModel* find_model_here(const Catalog& catalog, std::string_view name);

// Why the model of this name cannot be used; null: nothing is known of such a model.
const Remark* find_remark(const Catalog& catalog, std::string_view name);

// What a model's files say. Throws nothing: a file that cannot be read says nothing.
struct ModelSummary {
    std::string type;                   // of most of the weights, "BF16" or "Q4_K_M"; empty: unknown
    std::optional<int64_t> parameters;  // elements of all tensors
    std::string problem;                // why the files say nothing
};
ModelSummary summarize(const CatalogModel& model);

}  // namespace puna
