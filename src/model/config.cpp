#include "model/config.h"

#include "core/json_document.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "model/supported.h"

#include <utility>

namespace puna {

namespace {

constexpr size_t max_eos = 64;

// An object that is not empty.
std::optional<JsonNode> find_settings(JsonNode root, std::string_view name) {
    std::optional<JsonNode> value = root.find(name);
    if (value && !value->is_object()) value->reject("must be an object or null");
    return value && !value->members().empty() ? value : std::nullopt;
}

// rope_scaling as a whole takes precedence over rope_parameters, as in transformers.
std::optional<JsonNode> find_rope(JsonNode root) {
    std::optional<JsonNode> scaling = find_settings(root, "rope_scaling"),
                            parameters = find_settings(root, "rope_parameters");
    return scaling ? scaling : parameters;
}

void reject_partial_rotary(JsonNode settings) {
    std::optional<JsonNode> factor = settings.find("partial_rotary_factor");
    if (factor && factor->number() != 1)
        factor->reject(fmt::format("is {}; partial rotary embeddings are not supported", factor->number()));
}

void read_rope(Config& config, JsonNode root) {
    config.rope_theta = root.number("rope_theta", config.rope_theta);
    reject_partial_rotary(root);
    std::optional<JsonNode> rope = find_rope(root);
    if (!rope) return;
    for (const JsonMember& member : rope->members())
        if (member.value.is_object())
            member.value.reject("is one of several settings for kinds of layers; only one for all layers is supported");
    reject_partial_rotary(*rope);
    config.rope_theta = rope->number("rope_theta", config.rope_theta);
    config.rope_scaling = read_rope_scaling(root, *rope, config);
}

// {"base": 10000, "type": "dynamic"}: its scaling begins beyond max_position_embeddings.
void read_internlm_rotary(Config& config, JsonNode root) {
    std::optional<JsonNode> rotary = find_settings(root, "rotary");
    if (!rotary) return;
    config.rope_theta = rotary->number("base", config.rope_theta);
    double factor = rotary->number("scaling_factor", 1);
    if (rotary->text("type", "origin") == "dynamic")
        config.rope_scaling = {.kind = RopeKind::dynamic, .factor = factor};
}

// InternLM's `bias`, which others use for what they like.
bool has_old_bias(JsonNode root, bool fallback) {
    std::optional<JsonNode> bias = root.find("bias");
    return bias && bias->is_boolean() ? bias->boolean() : fallback;
}

// "torch_dtype" until transformers 5, "dtype" since; sometimes "torch.bfloat16".
std::optional<Dtype> named_dtype(JsonNode root) {
    constexpr std::pair<std::string_view, Dtype> names[] = {
        {"float32", Dtype::f32}, {"float16", Dtype::f16}, {"bfloat16", Dtype::bf16}};
    for (const char* field : {"dtype", "torch_dtype"})
        if (std::optional<JsonNode> value = root.find(field); value && value->is_string()) {
            std::string text = value->text(), name = text.substr(text.rfind('.') + 1);
            for (auto [known, dtype] : names)
                if (name == known) return dtype;
        }
    return {};
}

int32_t token_id(JsonNode value, int64_t vocabulary) {
    int64_t token = value.integer();
    if (token < 0 || token >= vocabulary)
        value.reject(fmt::format("is {}; the vocabulary has token ids 0 to {}", token, vocabulary - 1));
    return static_cast<int32_t>(token);
}

// Nothing here needs it, so one that is not a token is none.
int32_t pad_of(JsonNode root, int64_t vocabulary) {
    std::optional<JsonNode> value = root.find("pad_token_id");
    int64_t id = value ? value->try_integer().value_or(-1) : -1;
    return id >= 0 && id < vocabulary ? static_cast<int32_t>(id) : -1;
}

// -1 means that there is none, like null.
int32_t bos_of(JsonNode root, int64_t vocabulary) {
    std::optional<JsonNode> value = root.find_any("bos_token_id");
    if (!value) return 1;
    return value->is_null() || value->integer() == -1 ? -1 : token_id(*value, vocabulary);
}

std::vector<int32_t> eos_of(JsonNode root, int64_t vocabulary) {
    std::optional<JsonNode> value = root.find_any("eos_token_id");
    if (!value) return {2};
    if (value->is_null()) return {};
    std::vector<JsonNode> ids = value->is_array() ? value->items() : std::vector{*value};
    if (ids.size() > max_eos) value->reject(fmt::format("has more than {} ids", max_eos));
    std::vector<int32_t> eos;
    for (JsonNode id : ids) {
        if (!id.is_whole_number()) value->reject("must be an integer or a list of integers");
        eos.push_back(token_id(id, vocabulary));
    }
    return eos;
}

void validate_sizes(const Config& c, std::string_view source) {
    struct Size {
        std::string_view name;
        int64_t value, limit;
    };
    for (Size size :
         {Size{"hidden_size", c.dim, ConfigLimits::size}, Size{"intermediate_size", c.ffn, ConfigLimits::size},
          Size{"num_hidden_layers", c.layers, ConfigLimits::layers},
          Size{"num_attention_heads", c.heads, ConfigLimits::size},
          Size{"num_key_value_heads", c.kv_heads, ConfigLimits::size},
          Size{"head_dim", c.head_dim, ConfigLimits::head_dim}, Size{"vocab_size", c.vocabulary, ConfigLimits::size},
          Size{"max_position_embeddings", c.context, ConfigLimits::context}})
        if (size.value < 1 || size.value > size.limit)
            fail(ErrorKind::damaged, "{}: '{}' is {}; it must be 1 to {}", source, size.name, size.value, size.limit);
    if (c.heads % c.kv_heads != 0)
        fail(ErrorKind::damaged, "{}: {} attention heads are not a multiple of {} key/value heads", source, c.heads,
             c.kv_heads);
    if (c.head_dim % 2 != 0)
        fail(ErrorKind::damaged, "{}: head_dim is {}; it must be even for rotary embeddings", source, c.head_dim);
    if (c.heads * c.head_dim > ConfigLimits::size)
        fail(ErrorKind::damaged, "{}: {} heads of size {} are too large", source, c.heads, c.head_dim);
}

}  // namespace

Config parse_config(std::string_view json, std::string_view path) {
    JsonDocument document(json, path, model_json_limits);
    JsonNode root = document.root();
    reject_unsupported(root, path);
    bool internlm = is_internlm(root);
    Config config;  // defaults: transformers' LlamaConfig
    config.dim = root.integer("hidden_size", 4096);
    config.ffn = root.integer("intermediate_size", 11008);
    config.layers = root.integer("num_hidden_layers", 32);
    config.heads = root.integer("num_attention_heads", 32);
    config.kv_heads = root.integer("num_key_value_heads", config.heads);
    config.head_dim = root.integer("head_dim", config.heads > 0 ? config.dim / config.heads : 0);
    config.vocabulary = root.integer("vocab_size", 32000);
    config.context = root.integer("max_position_embeddings", root.integer("max_sequence_length", 2048));
    config.norm_epsilon = root.number("rms_norm_eps", 1e-6);
    config.tied = root.boolean("tie_word_embeddings", false);
    config.attention_bias = root.boolean("attention_bias", has_old_bias(root, internlm));
    config.mlp_bias = root.boolean("mlp_bias", false);
    config.dtype = named_dtype(root);
    validate_sizes(config, path);
    config.rope_theta = 10000;
    if (internlm) read_internlm_rotary(config, root);
    read_rope(config, root);
    validate(config, path);
    config.bos = bos_of(root, config.vocabulary);
    config.pad = pad_of(root, config.vocabulary);
    config.eos = eos_of(root, config.vocabulary);
    return config;
}

Config read_config(const std::filesystem::path& path) { return parse_config(MappedFile(path).text(), path.string()); }

void validate(const Config& c, std::string_view source) {
    validate_sizes(c, source);
    if (!(static_cast<float>(c.norm_epsilon) > 0 && c.norm_epsilon < 1))
        fail(ErrorKind::damaged, "{}: 'rms_norm_eps' is {}; it must be above 0 and below 1", source, c.norm_epsilon);
    validate_rope(c, source);
}

std::string config_json(const Config& c, Dtype dtype) {
    JsonText bos = nullptr, pad = nullptr, eos = c.eos;
    if (c.bos >= 0) bos = c.bos;
    if (c.pad >= 0) pad = c.pad;
    if (c.eos.size() == 1) eos = c.eos[0];
    JsonObject json{{"architectures", std::vector<std::string>{"LlamaForCausalLM"}},
                    {"model_type", "llama"},
                    {"hidden_size", c.dim},
                    {"intermediate_size", c.ffn},
                    {"num_hidden_layers", c.layers},
                    {"num_attention_heads", c.heads},
                    {"num_key_value_heads", c.kv_heads},
                    {"head_dim", c.head_dim},
                    {"vocab_size", c.vocabulary},
                    {"max_position_embeddings", c.context},
                    {"rms_norm_eps", c.norm_epsilon},
                    {"rope_theta", c.rope_theta},
                    {"rope_scaling", rope_scaling_json(c.rope_scaling)},
                    {"tie_word_embeddings", c.tied},
                    {"hidden_act", "silu"},
                    {"attention_bias", c.attention_bias},
                    {"mlp_bias", c.mlp_bias},
                    {"bos_token_id", bos},
                    {"eos_token_id", eos},
                    {"pad_token_id", pad},
                    {"torch_dtype", dtype == Dtype::bf16  ? "bfloat16"
                                    : dtype == Dtype::f16 ? "float16"
                                                          : "float32"}};
    return indent_json(json.text(), 2) + "\n";
}

}  // namespace puna
