#include "chat/template_files.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/model_argument.h"
#include "core/json_text.h"
#include "core/progress.h"
#include "core/system_memory.h"
#include "library/hub/settings.h"
#include "library/lineage.h"
#include "library/memory_advice.h"
#include "library/model_facts.h"
#include "model/rope_scaling.h"
#include "model/shapes.h"

#include <fmt/core.h>

#include <utility>

namespace puna {

namespace {

struct ShowModelOptions {
    std::string model;
    std::optional<ModelShape> shape;
    std::optional<Dtype> type;
    int64_t context = 0, sequences = 1;
    Dtype cache_type = Dtype::f32;
    ModelArgumentOptions pulling;
};
template <class F>
void fields(ShowModelOptions& o, F field) {
    field("shape", o.shape, "plan a model of this size, without a file");
    field("type", o.type, "dtype of the weights", {.word = "TYPE", .unset = "as stored; bf16 without weights"});
    field("context", o.context, "plan the memory for this many tokens",
          {.min = 0, .unset = "the model's limit, at most 8192"});
    field("sequences", o.sequences, "plan for this many conversations at once", {.min = 1});
    field("cache_type", o.cache_type, "dtype of the KV cache", {.word = "f32|bf16"});
    fields(o.pulling, field);
}

std::string bytes_text(int64_t bytes) { return format_quantity(static_cast<double>(bytes), "B"); }

std::string architecture_of(const Config& c) {
    return fmt::format(
        "Llama: {}, hidden size {}, {} heads and {} of keys and values of {}, feed-forward {}, vocabulary {}{}{}",
        format_count(c.layers, "layer"), c.dim, c.heads, c.kv_heads, c.head_dim, c.ffn, c.vocabulary,
        c.tied ? ", output tied to the embedding" : "", c.attention_bias || c.mlp_bias ? ", with biases" : "");
}

std::string weights_text(const ModelFacts& facts) {
    if (facts.types.empty()) return "none here";
    std::string text = fmt::format("{}, {:.2f} bits per weight:", bytes_text(facts.bytes()), facts.bits_per_weight());
    for (const TypeShare& share : facts.types)
        text += fmt::format("{} {} in {}", &share == facts.types.data() ? "" : ",",
                            format_count(share.tensors, "tensor"), info(share.dtype).name);
    return text;
}

std::string tokenizer_text(const ModelFacts& facts) {
    if (!facts.source) return "";
    try {
        Tokenizer tokenizer = facts.source->tokenizer();
        ChatTemplateText chat = with_llama_template(facts.source->chat_template(tokenizer), tokenizer);
        return fmt::format(
            "{}; {}", format_count(tokenizer.size(), "token"),
            chat.text.empty() && chat.tool_text.empty() ? "no chat template" : "chat template of " + chat.origin);
    } catch (const Error& problem) {
        return problem.what();
    }
}

void print_row(std::string_view name, const std::string& text) {
    if (!text.empty()) fmt::print("{:<13} {}\n", name, text);
}

// Where the model comes from. Of a shape nothing is known.
struct Origin {
    std::string license;
    Lineage lineage;
};

Origin origin_of(const std::string& model, const std::filesystem::path& path) {
    Origin origin{card_of_model(path).license, trace_lineage(path, HubCache(hub_cache_folder()))};
    if (std::filesystem::path(model) != path) origin.lineage.name = model;  // as it is called here
    return origin;
}

void print_lineage(const Lineage& lineage) {
    if (lineage.bases.empty()) return;
    std::string_view name = "lineage";
    for (std::string_view line : lines_of(to_text(lineage))) print_row(std::exchange(name, ""), std::string(line));
}

JsonObject lineage_json(const Lineage& lineage) {
    JsonList bases;
    for (const Lineage& base : lineage.bases) bases.add(lineage_json(base));
    return {{"name", lineage.name}, {"here", lineage.is_here}, {"relation", lineage.relation}, {"bases", bases}};
}

std::string plan_text(const MemoryPlan& plan, int64_t largest) {
    return fmt::format("{} for a context of {} ({} weights, {} KV cache, {} activations); {} are available{}",
                       bytes_text(plan.total()), format_count(plan.context, "token"),
                       bytes_text(plan.weights + plan.mapped), bytes_text(plan.cache), bytes_text(plan.activations),
                       bytes_text(plan.available),
                       !plan.fits()  ? ": it does not fit"
                       : largest > 0 ? fmt::format(", enough for {}", format_count(largest, "token"))
                                     : "");
}

JsonObject facts_json(const ModelFacts& facts, const MemoryPlan& plan, int64_t largest) {
    const Config& c = facts.config;
    JsonList types;
    for (const TypeShare& share : facts.types)
        types.add(JsonObject{{"type", info(share.dtype).name},
                             {"tensors", share.tensors},
                             {"parameters", share.parameters},
                             {"bytes", share.bytes}});
    return {{"model", facts.name},
            {"format", facts.format},
            {"parameters", facts.parameters},
            {"layers", c.layers},
            {"dim", c.dim},
            {"heads", c.heads},
            {"kv_heads", c.kv_heads},
            {"head_dim", c.head_dim},
            {"ffn", c.ffn},
            {"vocabulary", c.vocabulary},
            {"context", c.context},
            {"rope", describe_rope(c, plan.context)},
            {"bytes", facts.bytes()},
            {"bits_per_weight", facts.bits_per_weight()},
            {"types", types},
            {"plan", JsonObject{{"context", plan.context},
                                {"weights", plan.weights + plan.mapped},
                                {"cache", plan.cache},
                                {"activations", plan.activations},
                                {"total", plan.total()},
                                {"available", plan.available},
                                {"fits", plan.fits()},
                                {"largest_context", largest}}}};
}

}  // namespace

int run_show_model(Arguments arguments) {
    ShowModelOptions options;
    Flags flags("show",
                "Show what a model is, and the memory that it would need, without loading it: a folder, a GGUF file, a "
                "folder with only a config.json, or with --shape a size.",
                "puna show models/starter\n"
                "puna show Llama-3.2-1B.Q8_0.gguf --context 32768\n"
                "puna show --shape 70b --type q4_0");
    flags.positional("MODEL", options.model, model_help, false);
    flags.add(list_fields(options));
    flags.add_json("print JSON for scripts");
    if (!flags.parse(arguments)) return 0;
    if (options.model.empty() == !options.shape) fail_field("shape", "or MODEL must be given, and not both");
    std::string shape =
        options.shape ? std::string(enum_names(*options.shape)[static_cast<size_t>(*options.shape)]) : "";
    std::filesystem::path path = options.shape ? "" : model_path(options.model, options.pulling);
    ModelFacts facts =
        options.shape ? facts_of_config(shape, "shape", config_of_shape(*options.shape)) : read_model_facts(path);
    const Kernels& kernels = choose_kernels();
    EngineOptions engine{.context = options.context, .sequences = options.sequences, .cache_type = options.cache_type};
    int64_t available = available_memory();
    std::vector<HeldWeight> weights = weights_of(kernels, facts, options.type);
    MemoryPlan plan = plan_memory(kernels, facts.config, weights, engine, available);
    int64_t largest = largest_context(kernels, facts.config, weights, engine, available);
    Origin origin = options.shape ? Origin{} : origin_of(options.model, path);
    if (flags.json()) {
        JsonObject json = facts_json(facts, plan, largest);
        json.add("license", origin.license.empty() ? JsonText(nullptr) : JsonText(origin.license));
        json.add("lineage", lineage_json(origin.lineage));
        fmt::print("{}\n", json.text());
        return 0;
    }
    print_row("model", fmt::format("{} ({})", options.shape ? facts.name : options.model, facts.format));
    if (!options.shape && path != options.model) print_row("path", path.string());
    print_row("architecture", architecture_of(facts.config));
    print_row("parameters", format_count(facts.parameters, "parameter"));
    print_row("context", fmt::format("{}; rotary scaling: {}", format_count(facts.config.context, "token"),
                                     describe_rope(facts.config, plan.context)));
    print_row("weights", weights_text(facts));
    print_row("tokenizer", tokenizer_text(facts));
    print_row("license", printable(origin.license));
    print_lineage(origin.lineage);
    print_row("memory", plan_text(plan, largest));
    if (!plan.fits()) print_row("", memory_advice(kernels, facts.config, weights, engine, available));
    return 0;
}

}  // namespace puna
