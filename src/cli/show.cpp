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
#include "library/names.h"
#include "library/text_facts.h"
#include "model/apply_adapter.h"
#include "model/rope_scaling.h"
#include "model/shapes.h"

#include <fmt/core.h>

#include <utility>

namespace puna {

namespace {

constexpr const char* planned_types =
    "f32|bf16|f16|q8_0|q6_K|q5_K|q5_1|q5_0|q4_K|q4_1|q4_0|iq4_nl|iq4_xs|q3_K|iq3_s|iq3_xxs|q2_K|iq2_s|iq2_xs|iq2_xxs";

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
    field("type", o.type, "dtype of the weights", {.word = planned_types, .unset = "as stored; bf16 without weights"});
    field("context", o.context, "plan the memory for this many tokens",
          {.min = 0, .unset = "the model's limit, at most 8192"});
    field("sequences", o.sequences, "plan for this many conversations at once", {.min = 1, .max = 1'000'000});
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

// What the command found out.
struct Shown {
    ModelFacts facts;
    std::string name, path;  // path: empty if the name is one
    Origin origin;
    std::vector<Adapter> adapters;
    TextFacts text;
    MemoryPlan plan;
    int64_t largest_context = 0;
    std::string advice;  // where the model does not fit
};

std::string tokenizer_text(const Shown& shown) {
    const TextFacts& text = shown.text;
    if (!shown.facts.source) return "";
    if (text.tokens == 0) return text.problem ? "none that can be used" : "none";
    std::string chat = text.chat_template.empty() ? "no chat template"
                       : text.built_in            ? "no chat template of its own; chats use " + text.chat_template
                                                  : "chat template of " + text.chat_template;
    return fmt::format("{}; {}", format_count(text.tokens, "token"), chat);
}

std::string adapter_text(const Adapter& adapter) {
    return fmt::format("{}: LoRA, {}, for {}", adapter.path().string(), format_count(adapter.parameters(), "parameter"),
                       adapter.base().empty() ? "a base that it does not name" : printable(adapter.base()));
}

void print_row(std::string_view name, const std::string& text) {
    if (!text.empty()) fmt::print("{:<13} {}\n", name, text);
}

void print_lineage(const Lineage& lineage) {
    if (lineage.bases.empty()) return;
    std::string text = to_text(lineage);
    std::string_view name = "lineage";
    for (std::string_view line : lines_of(text)) print_row(std::exchange(name, ""), std::string(line));
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

JsonObject plan_json(const MemoryPlan& plan, int64_t largest) {
    return {{"context", plan.context}, {"weights", plan.weights + plan.mapped},
            {"cache", plan.cache},     {"activations", plan.activations},
            {"total", plan.total()},   {"available", plan.available},
            {"fits", plan.fits()},     {"largest_context", largest}};
}

JsonObject shown_json(const Shown& shown) {
    const ModelFacts& facts = shown.facts;
    const Config& c = facts.config;
    JsonList types, adapters;
    for (const TypeShare& share : facts.types)
        types.add(JsonObject{{"type", info(share.dtype).name},
                             {"tensors", share.tensors},
                             {"parameters", share.parameters},
                             {"bytes", share.bytes}});
    for (const Adapter& adapter : shown.adapters)
        adapters.add(JsonObject{
            {"path", adapter.path().string()}, {"parameters", adapter.parameters()}, {"base", adapter.base()}});
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
            {"rope", describe_rope(c, shown.plan.context)},
            {"bytes", facts.bytes()},
            {"bits_per_weight", facts.bits_per_weight()},
            {"types", types},
            {"adapters", adapters},
            {"tokens", shown.text.tokens},
            {"chat_template", shown.text.chat_template},
            {"problem", shown.text.problem ? JsonText(shown.text.problem->what()) : JsonText(nullptr)},
            {"license", shown.origin.license.empty() ? JsonText(nullptr) : JsonText(shown.origin.license)},
            {"lineage", lineage_json(shown.origin.lineage)},
            {"plan", plan_json(shown.plan, shown.largest_context)}};
}

void print_rows(const Shown& shown) {
    const ModelFacts& facts = shown.facts;
    print_row("model", fmt::format("{} ({})", shown.name, facts.format));
    print_row("path", shown.path);
    for (const Adapter& adapter : shown.adapters) print_row("adapter", adapter_text(adapter));
    print_row("architecture", architecture_of(facts.config));
    print_row("parameters", format_count(facts.parameters, "parameter"));
    print_row("context", fmt::format("{}; rotary scaling: {}", format_count(facts.config.context, "token"),
                                     describe_rope(facts.config, shown.plan.context)));
    print_row("weights", weights_text(facts));
    print_row("tokenizer", tokenizer_text(shown));
    print_row("license", printable(shown.origin.license));
    print_lineage(shown.origin.lineage);
    print_row("memory", plan_text(shown.plan, shown.largest_context));
    print_row("", shown.advice);
}

Shown shape_facts(ModelShape shape) {
    std::string name(enum_names(shape)[static_cast<size_t>(shape)]);
    return {.facts = facts_of_config(name, "shape", config_of_shape(shape)), .name = name};
}

// Throws Error for what cannot be read.
Shown model_facts(const ShowModelOptions& options) {
    std::filesystem::path path = model_path(options.model, options.pulling);
    AdaptedModel model = find_adapted(path, {}, find_in_library);
    Shown shown{.facts = read_model_facts(model.path), .name = options.model};
    if (path != options.model) shown.path = path.string();
    shown.origin = origin_of(options.model, path);
    shown.adapters = std::move(model.adapters);
    if (shown.facts.source) shown.text = read_text_facts(*shown.facts.source);
    return shown;
}

// Throws Error for adapters that do not fit.
void plan_memory(Shown& shown, const ShowModelOptions& options) {
    const Kernels& kernels = choose_kernels();
    const Config& config = shown.facts.config;
    EngineOptions engine{.context = options.context, .sequences = options.sequences, .cache_type = options.cache_type};
    int64_t available = available_memory();
    std::vector<HeldWeight> weights = weights_of(kernels, shown.facts, options.type);
    for (Adapter& adapter : shown.adapters) {
        adapter.pairs(config);  // whether it fits
        weights.push_back({adapter_bytes(adapter)});
    }
    shown.plan = plan_memory(kernels, config, weights, engine, available);
    shown.largest_context = largest_context(kernels, config, weights, engine, available);
    if (!shown.plan.fits()) shown.advice = memory_advice(kernels, config, weights, engine, available);
}

}  // namespace

int run_show_model(Arguments arguments) {
    ShowModelOptions options;
    Flags flags("show",
                "Show what a model is, and the memory that it would need, without loading it: a folder, a GGUF file, a "
                "LoRA adapter beside its base, a folder with only a config.json, or with --shape a size. Ends with an "
                "error if its tokenizer or chat template cannot be used.",
                "puna show models/starter\n"
                "puna show Llama-3.2-1B.Q8_0.gguf --context 32768\n"
                "puna show --shape 70b --type q4_0");
    flags.positional("MODEL", options.model, model_help, false);
    flags.add(list_fields(options));
    flags.add_json("print JSON for scripts");
    if (!flags.parse(arguments)) return 0;
    if (options.model.empty() == !options.shape) fail_field("shape", "or MODEL must be given, and not both");
    Shown shown = options.shape ? shape_facts(*options.shape) : model_facts(options);
    plan_memory(shown, options);
    if (flags.json())
        fmt::print("{}\n", shown_json(shown).text());
    else
        print_rows(shown);
    if (shown.text.problem) throw *shown.text.problem;
    return 0;
}

}  // namespace puna
