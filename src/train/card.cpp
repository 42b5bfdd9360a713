#include "train/card.h"

#include "core/atomic_file.h"
#include "core/fields.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "train/metrics.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <system_error>

#include <nlohmann/json.hpp>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr int64_t max_sources = 20;

// As Hugging Face reads it. No license: only who trained the model knows it.
constexpr const char* front_matter =
    "---\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n- llama\n- puna\n---\n\n";

std::string what_it_is(const std::string& name, const Config& c) {
    return fmt::format(
        "# {}\n\nA Llama of {:.2f} million parameters: {} layers of {} numbers, {} heads ({} for keys and values), FFN "
        "{}, vocabulary {}, "
        "context {}{}.\n\nWeights are stored as bf16",
        name, static_cast<double>(parameter_count(c)) / 1e6, c.layers, c.dim, c.heads, c.kv_heads, c.ffn, c.vocabulary,
        c.context, c.tied ? ", tied head" : "");
}

std::string spelled_bytes(int64_t bytes) { return format_quantity(static_cast<double>(bytes), "B"); }

// A path inside the place of work as it was given; of one from the root the last name, which says enough and is true
// elsewhere.
std::string source_name(const fs::path& path) { return (path.is_absolute() ? path.filename() : path).string(); }

// A line for each source of a set; only how many, if they are many.
std::string sources_of(const fs::path& set) {
    std::error_code ignored;
    if (!fs::exists(set / "sources.jsonl", ignored)) return "";
    MappedFile file(set / "sources.jsonl");
    std::string_view text = file.text();
    auto lines = std::count(text.begin(), text.end(), '\n');
    if (lines > max_sources) return fmt::format("  - {} sources, listed in its sources.jsonl\n", lines);
    std::string out;
    while (!text.empty()) {
        size_t end = std::min(text.find('\n'), text.size());
        nlohmann::json line = nlohmann::json::parse(text.substr(0, end), nullptr, false);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!line.is_object() || !line.contains("name") || !line["name"].is_string()) continue;
        auto text_of = [&](const char* key) {
            return line.contains(key) && line[key].is_string() ? line[key].get<std::string>() : "";
        };
        auto number_of = [&](const char* key) {
            return line.contains(key) && line[key].is_number_integer() ? line[key].get<int64_t>() : 0;
        };
        out += fmt::format("  - `{}`{}: {} documents, {} tokens, {}\n", source_name(text_of("name")),
                           text_of("hash").empty() ? "" : fmt::format(" (XXH3 {})", text_of("hash")),
                           number_of("documents"), number_of("tokens"), spelled_bytes(number_of("bytes")));
    }
    return out;
}

std::string set_line(const char* title, const fs::path& folder, const SetIndex& set) {
    return fmt::format("- {}: `{}`, {} documents, {} tokens, {} of {}\n{}", title, public_name(folder), set.documents,
                       set.tokens, spelled_bytes(set.bytes), set.conversations ? "conversations" : "text",
                       sources_of(folder));
}

// The processor as Linux names it; empty where it does not.
std::string processor() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name") && line.find(": ") != line.npos) return line.substr(line.find(": ") + 2);
    return "";
}

std::string training(const Recipe& recipe, const SetIndex& data, const RunSummary& run) {
    std::string out =
        fmt::format("- from: {}\n",
                    recipe.from.empty() ? "random weights" : fmt::format("the model `{}`", public_name(recipe.from)));
    out += set_line("training set", recipe.data, data);
    out +=
        fmt::format("- tokenizer: of {} tokens, XXH3 {:016x} of its tokenizer.json\n", data.vocabulary, data.tokenizer);
    out += fmt::format("- {} steps on {} trained tokens\n", run.steps, run.trained);
    if (std::isfinite(run.loss)) out += fmt::format("- training loss at the end: {:.4f} nats a token\n", run.loss);
    if (std::isfinite(run.tokens_per_second)) {
        std::string name = processor();
        out += fmt::format("- time: {} in steps{}, median {:.0f} tokens a second", format_duration(run.seconds),
                           name.empty() ? "" : " on " + name, run.tokens_per_second);
        out += std::isfinite(run.share)
                   ? fmt::format(", {:.1f} % of the machine's {} peak\n", run.share * 100, recipe.type)
                   : "\n";
    }
    return out;
}

std::string validation(const Recipe& recipe, const RunSummary& run) {
    if (recipe.validation.empty() || !std::isfinite(run.validation_loss)) return "";
    fs::path index = fs::path(recipe.validation) / "index.json";
    std::string rows =
        recipe.validation_rows > 0 ? fmt::format("at most its first {} rows", recipe.validation_rows) : "all its rows";
    return "\n## Validation\n\n" +
           set_line("validation set", recipe.validation, parse_set_index(read_text(index), index.string())) +
           fmt::format("- validation: {:.4f} nats a token{}, on {} of {} tokens\n", run.validation_loss,
                       std::isfinite(run.bits_per_byte) ? fmt::format(", {:.4f} bits a byte", run.bits_per_byte) : "",
                       rows, recipe.length);
}

// As a file that puna train reads. The shape is the model's: the recipe's own counts only for a model from random
// weights.
std::string recipe_text(Recipe recipe, const Config& c) {
    recipe.dim = c.dim;
    recipe.layers = c.layers;
    recipe.heads = c.heads;
    recipe.kv_heads = c.kv_heads;
    recipe.ffn = c.ffn;
    recipe.context = c.context;
    recipe.tied = c.tied;
    recipe.warm_up = warm_up_steps(recipe);
    std::string out;
    for (const Field& field : list_fields(recipe)) {
        bool text = std::holds_alternative<std::string*>(field.value);
        bool place =
            field.name == "output" || field.name == "data" || field.name == "validation" || field.name == "from";
        std::string value = to_text(field);
        if (text) value = nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        if (!place) out += fmt::format("{} = {}\n", field.name, value);
    }
    return out;
}

}  // namespace

std::string generation_config_json(const Config& config) {
    return nlohmann::ordered_json{{"do_sample", true}, {"temperature", 0.6},         {"top_p", 0.9},
                                  {"top_k", 0},        {"bos_token_id", config.bos}, {"eos_token_id", config.eos}}
               .dump(2) +
           "\n";
}

std::string public_name(const fs::path& folder) {
    std::error_code problem;
    fs::path whole = fs::absolute(folder, problem).lexically_normal();
    if (!whole.has_filename()) whole = whole.parent_path();  // "stories/"
    fs::path name = whole.filename();
    return (name == "validation" ? whole.parent_path().filename() / name : name).string();
}

void write_card(const fs::path& folder, const Recipe& recipe, const Config& config, const SetIndex& data,
                const std::vector<std::string>& changes) {
    RunSummary run = summarize(read_metrics(folder / "metrics.jsonl"), read_timing(folder / "timing.jsonl"));
    std::string measured = validation(recipe, run);
    std::string card = front_matter + what_it_is(public_name(folder), config);
    if (!measured.empty())
        card += fmt::format("; the validation below was computed with the recipe's type, {}", recipe.type);
    card += ".\n\n## Training\n\n" + training(recipe, data, run) + measured;
    card += "\n## Recipe\n\n```toml\n" + recipe_text(recipe, config) + "```\n";
    if (!changes.empty()) card += "\nIt was changed on the way:\n\n";
    for (const std::string& change : changes) card += fmt::format("- {}\n", change);
    write_file(folder / "README.md", card);
}

}  // namespace puna
