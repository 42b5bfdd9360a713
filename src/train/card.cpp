#include "train/card.h"

#include "core/atomic_file.h"
#include "core/fields.h"
#include "train/metrics.h"

#include <cmath>

#include <nlohmann/json.hpp>

namespace puna {

std::string generation_config_json(const Config& config) {
    return nlohmann::ordered_json{{"do_sample", true}, {"temperature", 0.6}, {"top_p", 0.9}, {"bos_token_id", config.bos}, {"eos_token_id", config.eos}}.dump(2) + "\n";
}

void write_card(const std::filesystem::path& folder, const Recipe& recipe, const Config& c, const SetIndex& data) {
    std::vector<StepMetrics> metrics = read_metrics(folder / "metrics.jsonl");
    int64_t trained = 0;
    const StepMetrics* measured = nullptr;
    for (const StepMetrics& m : metrics) {
        trained += m.trained;
        if (std::isfinite(m.validation_loss)) measured = &m;
    }
    std::string card = fmt::format("# {}\n\nA Llama of {:.2f} million parameters: {} layers of {} numbers, {} heads ({} for keys and values), FFN {}, vocabulary {}, "
                                   "context {}{}.\n\n## Training\n\n", std::filesystem::path(folder).filename().string(),
                                   static_cast<double>(parameter_count(c)) / 1e6, c.layers, c.dim, c.heads, c.kv_heads, c.ffn, c.vocabulary, c.context,
                                   c.tied ? ", tied head" : "");
    card += fmt::format("- {} steps on {} trained tokens, from {}\n- data: {} documents, {} tokens, {:.1f} MB of {}\n", metrics.size(), trained,
                        recipe.from.empty() ? "random weights" : "another model", data.documents, data.tokens, static_cast<double>(data.bytes) / 1e6,
                        data.conversations ? "conversations" : "text");
    if (!metrics.empty()) card += fmt::format("- training loss at the end: {:.4f} nats a token\n", metrics.back().loss);
    if (measured) card += fmt::format("- validation: {:.4f} nats a token, {:.4f} bits a byte\n", measured->validation_loss, measured->bits_per_byte);
    card += "\n## Recipe\n\n```toml\n";
    Recipe copy = recipe;
    for (const Field& field : list_fields(copy)) {
        bool text = std::holds_alternative<std::string*>(field.value);
        bool place = field.name == "output" || field.name == "data" || field.name == "validation" || field.name == "from";
        if (!place) card += fmt::format("{} = {}\n", field.name, text ? nlohmann::json(to_text(field)).dump() : to_text(field));
    }
    write_file(folder / "README.md", card + "```\n");
}

}  // namespace puna
