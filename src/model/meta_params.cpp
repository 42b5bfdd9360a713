#include "model/meta_params.h"

#include "core/error.h"
#include "core/json_document.h"
#include "core/json_text.h"
#include "core/log.h"

#include <fmt/format.h>

#include <cmath>

namespace puna {

namespace {

int64_t size_in(JsonNode root, std::string_view name, int64_t fallback, int64_t limit = ConfigLimits::size) {
    int64_t size = root.integer(name, fallback);
    if (size < 1 || size > limit)
        fail(ErrorKind::damaged, "{}: '{}' is {}; it must be 1 to {}", root.place(), name, size, limit);
    return size;
}

// For messages: "33", or "32 by default" of a field that is not in the file.
template <class T>
std::string origin_of(JsonNode root, std::string_view name, T value) {
    return fmt::format("{}{}", value, root.find(name) ? "" : " by default");
}

// As FeedForward.__init__ of Meta's model.py.
int64_t ffn_of(JsonNode root, int64_t dim) {
    double multiplier = root.number("ffn_dim_multiplier", 1);
    if (!(multiplier > 0)) root.need("ffn_dim_multiplier").reject(fmt::format("is {}; it must be above 0", multiplier));
    int64_t multiple = size_in(root, "multiple_of", 256);
    double step = static_cast<double>(multiple), wanted = std::trunc(multiplier * static_cast<double>(8 * dim / 3));
    double size = std::ceil(wanted / step) * step;
    if (!(size >= 1 && size <= static_cast<double>(ConfigLimits::size)))
        fail(ErrorKind::damaged,
             "{}: 'dim' is {}, 'ffn_dim_multiplier' {} and 'multiple_of' {}: they give a feed-forward size of {}, "
             "which must be 1 to {}",
             root.place(), origin_of(root, "dim", dim), origin_of(root, "ffn_dim_multiplier", multiplier),
             origin_of(root, "multiple_of", multiple), size, ConfigLimits::size);
    return static_cast<int64_t>(size);
}

void read_heads(Config& config, JsonNode root) {
    config.heads = size_in(root, "n_heads", 32);
    config.kv_heads = size_in(root, "n_kv_heads", config.heads);
    std::string dim = origin_of(root, "dim", config.dim), heads = origin_of(root, "n_heads", config.heads);
    if (config.dim % config.heads != 0)
        fail(ErrorKind::damaged, "{}: 'n_heads' is {}; it must divide 'dim', which is {}", root.place(), heads, dim);
    if (config.heads % config.kv_heads != 0)
        fail(ErrorKind::damaged, "{}: 'n_kv_heads' is {}; it must divide 'n_heads', which is {}", root.place(),
             config.kv_heads, heads);
    config.head_dim = config.dim / config.heads;
    if (config.head_dim % 2 != 0 || config.head_dim > ConfigLimits::head_dim)
        fail(ErrorKind::damaged,
             "{}: 'n_heads' is {} and 'dim' {}: they give heads of {}, which must be even and at most {}", root.place(),
             heads, dim, config.head_dim, ConfigLimits::head_dim);
}

int64_t vocabulary_of(JsonNode root, int64_t stored) {
    if (root.integer("vocab_size", -1) != -1) return size_in(root, "vocab_size", -1);
    if (stored < 1 || stored > ConfigLimits::size)
        fail(ErrorKind::damaged, "{}: 'vocab_size' is not set, and the token embeddings have {} rows, not 1 to {}",
             root.place(), stored, ConfigLimits::size);
    return stored;
}

void read_scaled_rope(Config& config) {
    struct Shape {
        int64_t dim, layers;
    };
    constexpr Shape factor_32[] = {{2048, 16}, {3072, 28}};  // Llama 3.2 1B and 3B; Meta's code has 8 for all
    config.rope_scaling = RopeScaling{};
    for (Shape shape : factor_32)
        if (shape.dim == config.dim && shape.layers == config.layers) config.rope_scaling->factor = 32;
    config.context = 131072;
}

constexpr int64_t llama3_vocabulary = 128000;

void read_rope(Config& config, JsonNode root) {
    constexpr double llama1_epsilon = 1e-6, code_llama_theta = 1e6;
    bool stated = root.find("rope_theta").has_value(), llama3 = config.vocabulary >= llama3_vocabulary;
    config.rope_theta = root.number("rope_theta", llama3 ? 500000 : 10000);
    if (!llama3 && !stated) config.context = config.norm_epsilon == llama1_epsilon ? 2048 : 4096;
    if (!llama3 && config.rope_theta == code_llama_theta) config.context = 16384;
    if (root.boolean("use_scaled_rope", false)) read_scaled_rope(config);
}

void reject_unsupported(JsonNode root) {
    for (const char* name :
         {"quantization_args", "lora_args", "moe_args", "vision_chunk_size", "vision_num_cross_attention_layers"})
        if (std::optional<JsonNode> value = root.find(name); value && value->raw() != "-1")
            value->reject("is set; only the text models of Llama 3 without quantization are supported");
}

// A multiplier and a multiple that give this size: those of Meta's models where they do.
struct FfnRule {
    double multiplier;
    int64_t multiple;
};
FfnRule ffn_rule(const Config& c) {
    int64_t base = 8 * c.dim / 3;
    for (FfnRule rule :
         {FfnRule{1, 256}, FfnRule{1.3, 1024}, FfnRule{1.3, 4096}, FfnRule{1.5, 256}, FfnRule{1.2, 4096}}) {
        double step = static_cast<double>(rule.multiple);
        if (std::ceil(std::trunc(rule.multiplier * static_cast<double>(base)) / step) * step ==
            static_cast<double>(c.ffn))
            return rule;
    }
    return {(static_cast<double>(c.ffn) + 0.5) / static_cast<double>(base), 1};
}

[[noreturn]] void fail_to_say(std::string_view source, std::string_view what) {
    fail(ErrorKind::unsupported, "{}: Meta's format cannot say {}: convert to Hugging Face's format or GGUF instead",
         source, what);
}

Config read_params(JsonNode root, std::string_view path, int64_t vocabulary) {
    reject_unsupported(root);
    Config config;
    config.dim = size_in(root, "dim", 4096);
    config.layers = size_in(root, "n_layers", 32, ConfigLimits::layers);
    read_heads(config, root);
    config.ffn = ffn_of(root, config.dim);
    config.vocabulary = vocabulary_of(root, vocabulary);
    config.norm_epsilon = root.number("norm_eps", 1e-5);
    if (!(config.norm_epsilon > 0 && config.norm_epsilon < 1))
        root.need("norm_eps").reject(fmt::format("is {}; it must be above 0 and below 1", config.norm_epsilon));
    read_rope(config, root);
    validate(config, path);
    return config;
}

JsonObject params_of(const Config& c, std::string_view source) {
    if (c.attention_bias || c.mlp_bias) fail_to_say(source, "biases");
    if (c.head_dim * c.heads != c.dim) fail_to_say(source, fmt::format("heads of {} elements", c.head_dim));
    FfnRule ffn = ffn_rule(c);
    JsonObject json{{"dim", c.dim},
                    {"n_layers", c.layers},
                    {"n_heads", c.heads},
                    {"n_kv_heads", c.kv_heads},
                    {"vocab_size", c.vocabulary},
                    {"ffn_dim_multiplier", ffn.multiplier},
                    {"multiple_of", ffn.multiple},
                    {"norm_eps", c.norm_epsilon},
                    {"use_scaled_rope", c.rope_scaling.has_value()}};
    return json;
}

Config read_again(std::string_view json, std::string_view source, const Config& config) {
    JsonDocument document(json, source, model_json_limits);
    return read_params(document.root(), source, config.vocabulary);
}

}  // namespace

Config parse_meta_params(std::string_view json, std::string_view path, int64_t vocabulary) {
    JsonDocument document(json, path, model_json_limits);
    JsonNode root = document.root();
    if (std::optional<JsonNode> nested = root.find("model"); nested && nested->is_object()) root = *nested;
    Config config = read_params(root, path, vocabulary);
    if (!root.find("rope_theta"))
        log_info("{}: has no 'rope_theta': {} is used, as in Llama {}", root.place(), config.rope_theta,
                 config.vocabulary >= llama3_vocabulary ? "3" : "1 and 2");
    return config;
}

// The files of Llama 1 and 2 have no rope_theta, from which a context of 2,048 or 4,096 follows.
std::string meta_params_json(const Config& c, std::string_view source) {
    JsonObject json = params_of(c, source);
    Config read = read_again(json.text(), source, c);
    if (read.rope_theta != c.rope_theta || read.context != c.context) json.add("rope_theta", c.rope_theta);
    std::string text = indent_json(json.text(), 2) + "\n";
    read = read_again(text, source, c);
    if (rotary_frequencies(read, c.context).values != rotary_frequencies(c, c.context).values)
        fail_to_say(source, fmt::format("this scaling of rotary frequencies ({})", describe_rope(c, c.context)));
    if (read.context != c.context)
        log_warning("{}: Meta's format cannot say the context of {} tokens; programs will take it for {}", source,
                    c.context, read.context);
    return text;
}

}  // namespace puna
