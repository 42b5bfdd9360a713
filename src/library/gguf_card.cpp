#include "library/gguf_card.h"

#include "library/hub/name.h"

#include <fmt/core.h>

#include <algorithm>

namespace puna {

namespace {

constexpr int64_t max_bases = 200;
constexpr std::string_view relation_key = "puna.base_model_relation", hub_address = "https://huggingface.co/";

std::string base_key(int64_t i, std::string_view field) { return fmt::format("general.base_model.{}.{}", i, field); }

// "https://huggingface.co/owner/name" and "owner/name"
std::string base_name(const GgufFile& file, int64_t i) {
    if (std::optional<std::string_view> url = file.text(base_key(i, "repo_url")))
        if (std::optional<HubName> name = parse_hub_name(*url)) return name->repository;
    std::string owner(file.text(base_key(i, "organization")).value_or("")),
        name(file.text(base_key(i, "name")).value_or(""));
    return owner.empty() ? name : owner + "/" + name;
}

}  // namespace

CardMetadata read_card(const GgufFile& file) {
    CardMetadata card{.license = std::string(file.text("general.license").value_or("")),
                      .relation = std::string(file.text(relation_key).value_or(""))};
    int64_t count = file.integer("general.base_model.count").value_or(0);
    for (int64_t i = 0; i < std::min(count, max_bases); ++i)
        if (std::string base = base_name(file, i); !base.empty()) card.base_models.push_back(base);
    return card;
}

void add_card(GgufMetadata& metadata, const CardMetadata& card) {
    if (!card.license.empty()) metadata.add("general.license", card.license);
    if (!card.relation.empty()) metadata.add(relation_key, card.relation);
    if (card.base_models.empty()) return;
    metadata.add("general.base_model.count", static_cast<uint32_t>(card.base_models.size()));
    for (int64_t i = 0; i < std::ssize(card.base_models); ++i) {
        std::string_view base = card.base_models[static_cast<size_t>(i)];
        size_t slash = base.find('/');
        metadata.add(base_key(i, "name"), base.substr(slash == base.npos ? 0 : slash + 1));
        if (!is_repository_name(base)) continue;
        metadata.add(base_key(i, "organization"), base.substr(0, slash));
        metadata.add(base_key(i, "repo_url"), std::string(hub_address) + std::string(base));
    }
}

}  // namespace puna
