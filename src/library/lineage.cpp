#include "library/lineage.h"

#include "core/error.h"
#include "library/gguf_card.h"
#include "library/hub/name.h"

#include <fmt/core.h>

#include <set>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr int max_depth = 16;
constexpr size_t max_models = 200;

// bases: of all that were traced so far.
Lineage trace(std::string_view name, const CardMetadata& card, const FindCard& find, std::set<std::string>& traced,
              int depth) {
    Lineage lineage{.name = std::string(name), .relation = card.relation, .is_here = true};
    for (const std::string& base : card.base_models) {
        bool is_new = traced.insert(base).second;
        std::optional<CardMetadata> next = find(base);
        if (next && is_new && depth < max_depth && traced.size() < max_models) {
            lineage.bases.push_back(trace(base, *next, find, traced, depth + 1));
        } else {
            lineage.bases.push_back({.name = base, .is_here = next.has_value(), .is_repeated = !is_new});
        }
    }
    return lineage;
}

std::string verb_of(std::string_view relation, size_t bases) {
    if (relation == "quantized") return "quantized from ";
    if (relation == "adapter") return "adapter of ";
    if (relation == "merge" || bases > 1) return "merged from ";
    if (relation == "finetune") return "fine-tuned from ";
    return "made from ";
}

void write_bases(const Lineage& lineage, const std::string& indent, std::string& out) {
    for (size_t i = 0; i < lineage.bases.size(); ++i) {
        const Lineage& base = lineage.bases[i];
        bool is_last = i + 1 == lineage.bases.size();
        out += fmt::format("{}{}{}{}{}{}\n", indent, is_last ? "`-- " : "|-- ",
                           verb_of(lineage.relation, lineage.bases.size()), printable(base.name),
                           base.is_here ? " (here)" : "", base.is_repeated ? " (see above)" : "");
        write_bases(base, indent + (is_last ? "    " : "|   "), out);
    }
}

// The name of what lies at a path: of a repository in the cache that of the repository.
std::string name_of(const fs::path& model) {
    fs::path absolute = fs::absolute(model).lexically_normal();
    if (!absolute.has_filename()) absolute = absolute.parent_path();
    for (const fs::path& part : absolute)
        if (std::optional<std::string> repository = repository_of_folder(part.string())) return *repository;
    return absolute.filename().string();
}

}  // namespace

CardMetadata card_of_model(const fs::path& model) {
    std::error_code problem;
    if (fs::is_directory(model, problem)) return read_card(model / "README.md");
    CardMetadata card = read_card(model.parent_path() / "README.md");
    if (!card.license.empty() || !card.base_models.empty()) return card;
    try {
        return read_card(GgufFile(model));
    } catch (const Error&) {
        return {};  // whoever loads it says what is wrong with it
    }
}

CardMetadata card_of_copy(const fs::path& model, std::string_view relation) {
    CardMetadata card = card_of_model(model);
    std::string name = name_of(model);
    if (relation.empty() && !is_repository_name(name)) return card;
    return {card.license, {name}, std::string(relation)};
}

Lineage trace_lineage(std::string_view name, const CardMetadata& card, const FindCard& find) {
    std::set<std::string> traced{std::string(name)};
    return trace(name, card, find, traced, 0);
}

Lineage trace_lineage(const fs::path& model, const HubCache& cache) {
    return trace_lineage(
        name_of(model), card_of_model(model), [&](const std::string& name) -> std::optional<CardMetadata> {
            if (!is_repository_name(name)) return {};
            CachedRepository repository = cache.repository(name);
            std::optional<std::string> commit = repository.default_commit();
            return commit ? std::optional(read_card(repository.snapshot(*commit) / "README.md")) : std::nullopt;
        });
}

std::string to_text(const Lineage& lineage) {
    std::string out = printable(lineage.name) + "\n";
    write_bases(lineage, "", out);
    return out;
}

}  // namespace puna
