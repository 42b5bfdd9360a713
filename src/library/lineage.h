// library/lineage.h — what a model was made from, and that from what: the base_model fields of cards, as a tree.
//
//   Lineage lineage = trace_lineage("models/starter", HubCache(hub_cache_folder()));
//   fmt::print("{}", to_text(lineage));
//
// As text the model's name, and below it, each deeper than the one before, lines such as
// "`-- quantized from owner/name (here)".
//
// Cards are read of what is on this disk: the model's own, then those of its bases in the hub's cache. A GGUF file that
// has no card beside it says itself what it was made from (general.base_model.*). Nothing is asked of the hub. Circles
// and very long lines end where they would repeat.
#pragma once
#include "library/card.h"
#include "library/hub/cache.h"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct Lineage {
    std::string name;
    std::string relation;      // of this one to its bases, as in CardMetadata
    bool is_here = false;      // on this disk
    bool is_repeated = false;  // its bases are shown elsewhere
    std::vector<Lineage> bases = {};
};

// The metadata of a model by its name on the hub; none if it is not known here.
using FindCard = std::function<std::optional<CardMetadata>(const std::string& name)>;

Lineage trace_lineage(std::string_view name, const CardMetadata& card, const FindCard& find);
Lineage trace_lineage(const std::filesystem::path& model, const HubCache& cache);  // a folder or file
CardMetadata card_of_model(const std::filesystem::path& model);                    // its own, or a GGUF file's words

// What is written beside a model that was made from this one: its license, and its name as the base. Without a relation
// it is the same model in another form: one that has no name on the hub keeps its own bases.
CardMetadata card_of_copy(const std::filesystem::path& model, std::string_view relation = {});

std::string to_text(const Lineage& lineage);

}  // namespace puna
