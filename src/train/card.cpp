#include "train/card.h"

#include "core/atomic_file.h"
#include "core/fields.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/processors.h"
#include "core/progress.h"
#include "core/shell.h"
#include "data/sources.h"
#include "train/metrics.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr size_t max_sources = 20;

// Whether Hugging Face's hub takes it for the name of a model.
bool is_hub_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return c < 0x80 &&
               (std::isalnum(c) || std::string_view("-_./").find(static_cast<char>(c)) != std::string_view::npos);
    });
}

// Hugging Face model card metadata. No license: only the person who trained the model can choose it.
std::string front_matter(const Recipe& recipe) {
    std::string base = recipe.from.empty() ? "" : public_name(recipe.from);
    return fmt::format(
        "---\nlibrary_name: transformers\npipeline_tag: text-generation\n{}tags:\n- llama\n- puna\n---\n\n",
        is_hub_name(base) ? fmt::format("base_model: {}\n", quote_json(base)) : "");
}

constexpr std::string_view use_for_chat = R"(
## Use

In the directory that contains this folder:

```sh
puna chat {0}
```

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({1})
model = AutoModelForCausalLM.from_pretrained({1})
messages = [{{"role": "user", "content": "Hello!"}}]
inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
outputs = model.generate(**inputs, max_new_tokens=100)
print(tokenizer.decode(outputs[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
```
)",
                           use_for_text = R"(
## Use

It was not trained on conversations: it continues a text.

In the directory that contains this folder:

```sh
puna generate {0} "Once upon a time"
```

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({1})
model = AutoModelForCausalLM.from_pretrained({1})
inputs = tokenizer("Once upon a time", return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=100)[0], skip_special_tokens=True))
```
)";

// A model that continues one with a chat template has that too.
std::string use(const fs::path& folder, bool conversations) {
    bool chats = conversations || file_exists(folder / "chat_template.jinja");
    std::string path = "./" + public_name(folder);  // without ./ transformers may take it for a model of the hub
    return fmt::format(fmt::runtime(chats ? use_for_chat : use_for_text), shell_word(path), quote_json(path));
}

std::string description(const std::string& name, const Config& c) {
    return fmt::format(
        "# {}\n\nLlama architecture, {:.2f} M parameters: {}, hidden size {}, {} ({}), "
        "feed-forward size {}, vocabulary {}, context {}{}.\n\nWeights are stored as bf16",
        name, static_cast<double>(parameter_count(c)) / 1e6, format_count(c.layers, "layer"), c.dim,
        format_count(c.heads, "head"), format_count(c.kv_heads, "key-value head"), c.ffn, c.vocabulary, c.context,
        c.tied ? ", tied embeddings" : "");
}

std::string format_bytes(int64_t bytes) { return format_quantity(static_cast<double>(bytes), "B"); }

// A relative path as given; for an absolute one only the last component, to keep private paths out of the card.
std::string source_name(const fs::path& path) { return (path.is_absolute() ? path.filename() : path).string(); }

// A line for each source of a set; if there are more than max_sources, only their number.
std::string sources_of(const fs::path& set, const std::string& document) {
    fs::path path = set / "sources.jsonl";
    if (!file_exists(path)) return "";
    std::vector<Source> sources = parse_sources(read_text(path), path.string());
    if (sources.size() > max_sources)
        return fmt::format("  - {} sources, listed in its sources.jsonl\n", sources.size());
    std::string out;
    for (const Source& source : sources)
        out += fmt::format("  - `{}`{}: {}, {}, {}\n", source_name(source.name),
                           source.hash ? fmt::format(" (XXH3 {})", hash_digits(source.hash)) : "",
                           format_count(source.documents, document), format_count(source.tokens, "token"),
                           format_bytes(source.bytes));
    return out;
}

// At the end of a run, damaged sources must not cost the model its card.
std::string sources_or_none(const fs::path& set, const std::string& document) {
    try {
        return sources_of(set, document);
    } catch (const Error& problem) {
        log_warning("{}; the model card lists no sources", problem.what());
        return "";
    }
}

std::string set_line(const char* title, const fs::path& folder, const SetIndex& set, int64_t truncated) {
    std::string document = set.conversations ? "conversation" : "document";
    return fmt::format("- {}: `{}`, {}, {}, {} of text{}\n{}", title, public_name(folder),
                       format_count(set.documents, document), format_count(set.tokens, "token"),
                       format_bytes(set.bytes),
                       truncated > 0 ? fmt::format("; {} are longer than a row and truncated", truncated) : "",
                       sources_or_none(folder, document));
}

std::string training(const CardFacts& facts, const RunSummary& run) {
    const Recipe& recipe = facts.recipe;
    const SetIndex& data = facts.data;
    std::string out = fmt::format("- initial weights: {}\n",
                                  recipe.from.empty() ? "random (trained from scratch)"
                                                      : fmt::format("the model `{}`", public_name(recipe.from)));
    out += set_line("training set", recipe.data, data, facts.truncated);
    out += fmt::format("- tokenizer: {}, tokenizer.json XXH3 {}\n", format_count(data.vocabulary, "token"),
                       hash_digits(data.tokenizer));
    out += fmt::format("- {} on {}\n", format_count(run.steps, "step"), format_count(run.trained, "trained token"));
    if (double loss = run.loss.mean(); std::isfinite(loss))
        out += fmt::format("- final training loss: {:.4f} nats per token, smoothed over about 20 steps\n", loss);
    if (std::isfinite(run.tokens_per_second)) {
        std::string name = processor_name();
        out += fmt::format("- time: {} in steps{}, median {:.0f} tokens per second", format_duration(run.seconds),
                           name.empty() ? "" : " on " + name, run.tokens_per_second);
        out += std::isfinite(run.share)
                   ? fmt::format(", {:.1f} % of the machine's {} peak", run.share * 100, info(recipe.type).name)
                   : "";
        out += fmt::format("; kernels: {}\n", facts.kernels);
    }
    return out;
}

std::string validation(const CardFacts& facts, const RunSummary& run) {
    const Recipe& recipe = facts.recipe;
    if (!validates(recipe) || !std::isfinite(run.validation_loss)) return "";
    fs::path index = fs::path(recipe.validation) / "index.json";
    std::string rows =
        recipe.validation_rows > 0 ? fmt::format("at most its first {} rows", recipe.validation_rows) : "all its rows";
    return "\n## Validation\n\n" +
           set_line("validation set", recipe.validation, parse_set_index(read_text(index), index.string()),
                    facts.truncated_in_validation) +
           fmt::format("- validation: {:.4f} nats per token{}, on {} of {} tokens; kernels: {}\n", run.validation_loss,
                       std::isfinite(run.bits_per_byte) ? fmt::format(", {:.4f} bits per byte", run.bits_per_byte) : "",
                       rows, recipe.length, facts.kernels);
}

// A recipe file that puna train reads. The shape is the model's: the recipe's shape is ignored with `from`.
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
        bool is_path =
            field.name == "output" || field.name == "data" || field.name == "validation" || field.name == "from";
        if (is_path || field.name == "epochs") continue;  // epochs became steps: a recipe cannot have both
        std::string value = to_text(field);
        if (is_text(field)) value = quote_json(value);
        out += fmt::format("{} = {}\n", field.name, value);
    }
    return out;
}

}  // namespace

std::string public_name(const fs::path& folder) {
    std::error_code problem;
    fs::path full = fs::absolute(folder, problem).lexically_normal();
    if (!full.has_filename()) full = full.parent_path();  // "stories/"
    fs::path name = full.filename(), parent = full.parent_path().filename();
    if (name == "validation") return (parent / name).string();
    if (parent == "checkpoints") return full.parent_path().parent_path().filename().string();
    std::string model = full.parent_path().parent_path().filename().string();  // models--meta-llama--Llama-3.2-1B
    if (parent != "snapshots" || !model.starts_with("models--")) return name.string();
    model.erase(0, std::string_view("models--").size());
    if (size_t at = model.find("--"); at != model.npos) model.replace(at, 2, "/");
    return model;
}

void write_card(const fs::path& folder, const CardFacts& facts) {
    RunSummary run = summarize(read_metrics(folder / "metrics.jsonl"), read_timing(folder / "timing.jsonl"));
    std::string scores = validation(facts, run);
    std::string card = front_matter(facts.recipe) + description(public_name(folder), facts.config);
    if (!scores.empty())
        card +=
            fmt::format("; the validation below was computed with the recipe's type, {}", info(facts.recipe.type).name);
    card += ".\n" + use(folder, facts.data.conversations) + "\n## Training\n\n" + training(facts, run) + scores;
    card += "\n## Recipe\n\n```toml\n" + recipe_text(facts.recipe, facts.config) + "```\n";
    if (!facts.changes.empty()) card += "\nChanged during the run:\n\n";
    for (const std::string& change : facts.changes) card += fmt::format("- {}\n", change);
    write_file(folder / "README.md", card);
}

}  // namespace puna
