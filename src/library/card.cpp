#include "library/card.h"

#include "core/error.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "library/yaml.h"

#include <algorithm>
#include <map>

namespace puna {

namespace {

constexpr size_t max_fields_bytes = 1 << 20;

// The text between the lines of dashes; empty: there is none.
std::string_view fields_of(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    if (!text.starts_with("---\n") && !text.starts_with("---\r\n")) return {};
    text.remove_prefix(text.find('\n') + 1);
    text = text.substr(0, max_fields_bytes);
    if (text.starts_with("---")) return {};
    size_t end = text.find("\n---");
    return end == text.npos ? std::string_view() : text.substr(0, end + 1);
}

}  // namespace

CardMetadata parse_card(std::string_view text, std::string_view where) {
    std::map<std::string, std::vector<std::string>> fields;
    for (YamlField& field : read_yaml_fields(fields_of(text), where)) fields[field.name] = std::move(field.values);
    auto first = [&](const char* name) { return fields[name].empty() ? std::string() : fields[name][0]; };
    CardMetadata card{
        .license = first("license"), .base_models = fields["base_model"], .relation = first("base_model_relation")};
    if (card.license == "other" && !first("license_name").empty()) card.license = first("license_name");
    std::erase(card.base_models, "");
    return card;
}

CardMetadata read_card(const std::filesystem::path& path) {
    if (!file_exists(path)) return {};
    try {
        MappedFile file(path);
        return parse_card(file.text(), path.string());
    } catch (const Error&) {
        return {};  // written by hand: a mistake in it is no reason not to run the model
    }
}

std::string card_text(std::string_view title, const CardMetadata& card) {
    std::string text = "---\n";
    if (!card.license.empty()) text += fmt::format("license: {}\n", quote_json(card.license));
    if (!card.base_models.empty()) text += "base_model:\n";
    for (const std::string& base : card.base_models) text += fmt::format("- {}\n", quote_json(base));
    if (!card.relation.empty()) text += fmt::format("base_model_relation: {}\n", quote_json(card.relation));
    return text + fmt::format("---\n\n# {}\n", title);
}

}  // namespace puna
