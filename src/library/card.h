// library/card.h — what a model card, README.md, says of its model in fields.
//
//   CardMetadata card = read_card("models--owner--name/snapshots/COMMIT/README.md");
//   for (const std::string& base : card.base_models) fmt::print("made from {}\n", base);
//
// The fields are YAML between lines of three dashes at the top of the file. Source: huggingface/hub-docs, modelcard.md.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct CardMetadata {
    std::string license;                   // "llama3.2"; of "other" its license_name
    std::vector<std::string> base_models;  // "owner/name"; two or more for a merge
    std::string relation;                  // to them: "finetune", "quantized", "adapter", "merge"; empty: not said
};

CardMetadata parse_card(std::string_view text, std::string_view where);   // throws Error for invalid YAML
CardMetadata read_card(const std::filesystem::path& path);                // empty without the file, or if it is invalid
std::string card_text(std::string_view title, const CardMetadata& card);  // a card with these fields, and no more

}  // namespace puna
