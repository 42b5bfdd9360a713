#include "model/config.h"

#include "core/file_kind.h"
#include "core/json_document.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "core/math.h"

#include <algorithm>
#include <cmath>

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

void reject_untyped(JsonNode rope) {
    for (const char* key : {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"})
        if (std::optional<JsonNode> value = rope.find(key))
            value->reject(fmt::format("is set but '{}.rope_type' is missing", rope.path()));
}

std::optional<RopeScaling> rope_scaling_of(JsonNode root, JsonNode rope, std::string_view path, int64_t context) {
    if (!rope.find("rope_type") && !rope.find("type")) reject_untyped(rope);
    std::string type = rope.find("rope_type") ? rope.text("rope_type", "") : rope.text("type", "default");
    if (type == "default") return {};
    if (type != "llama3")
        fail(ErrorKind::unsupported, "{}: RoPE scaling type '{}' is not supported, only 'llama3'", path,
             printable(type));
    int64_t nested_original = rope.integer("original_max_position_embeddings", context);
    return RopeScaling{.factor = rope.need("factor").number(),
                       .low_frequency_factor = rope.need("low_freq_factor").number(),
                       .high_frequency_factor = rope.need("high_freq_factor").number(),
                       .original_context = root.integer("original_max_position_embeddings", nested_original)};
}

void read_rope(Config& config, JsonNode root, std::string_view path) {
    config.rope_theta = root.number("rope_theta", 10000);
    reject_partial_rotary(root);
    std::optional<JsonNode> rope = find_rope(root);
    if (!rope) return;
    reject_partial_rotary(*rope);
    config.rope_theta = rope->number("rope_theta", config.rope_theta);
    config.rope_scaling = rope_scaling_of(root, *rope, path, config.context);
}

void reject_quantized(JsonNode root, std::string_view path) {
    for (const char* field : {"quantization_config", "compression_config"}) {
        std::optional<JsonNode> settings = find_settings(root, field);
        if (!settings) continue;
        bool bitsandbytes = settings->boolean("load_in_4bit", false) || settings->boolean("load_in_8bit", false);
        std::string method = settings->text("quant_method", bitsandbytes ? "bitsandbytes" : "an unknown method");
        fail(ErrorKind::unsupported,
             "{}: the weights are quantized with {} ('{}'); only F32, F16 and BF16 are supported: use the unquantized "
             "model",
             path, printable(method), field);
    }
}

// The last of a list.
std::string architecture_of(JsonNode root) {
    std::string architecture = "LlamaForCausalLM";
    std::optional<JsonNode> list = root.find("architectures");
    if (list && list->is_array())
        for (JsonNode item : list->items())
            if (item.is_string()) architecture = item.text();
    return architecture;
}

void reject_unsupported(JsonNode root, std::string_view path) {
    std::string type = root.text("model_type", "llama"), activation = root.text("hidden_act", "silu");
    if (type != "llama")
        fail(ErrorKind::unsupported, "{}: model_type is '{}'; only 'llama' is supported", path, printable(type));
    std::string architecture = architecture_of(root);
    if (!root.find("model_type") && architecture != "LlamaForCausalLM")
        fail(ErrorKind::unsupported, "{}: 'architectures' names {}; only LlamaForCausalLM is supported", path,
             printable(architecture));
    if (activation != "silu" && activation != "swish")  // synonyms
        fail(ErrorKind::unsupported, "{}: hidden_act is '{}'; only 'silu' is supported", path, printable(activation));
    for (const char* bias : {"attention_bias", "mlp_bias"})
        if (root.boolean(bias, false)) root.need(bias).reject("is true; biases are not supported");
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

// A negative id, usually -1, means that there is none, like null.
int32_t bos_of(JsonNode root, int64_t vocabulary) {
    std::optional<JsonNode> value = root.find_any("bos_token_id");
    if (!value) return 1;
    return value->is_null() || value->integer() < 0 ? -1 : token_id(*value, vocabulary);
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

}  // namespace

Config parse_config(std::string_view json, std::string_view path) {
    JsonDocument document(json, path, {.remedy = copy_again});
    JsonNode root = document.root();
    reject_unsupported(root, path);
    reject_quantized(root, path);
    Config config;  // defaults: transformers' LlamaConfig
    config.dim = root.integer("hidden_size", 4096);
    config.ffn = root.integer("intermediate_size", 11008);
    config.layers = root.integer("num_hidden_layers", 32);
    config.heads = root.integer("num_attention_heads", 32);
    config.kv_heads = root.integer("num_key_value_heads", config.heads);
    config.head_dim = root.integer("head_dim", config.heads > 0 ? config.dim / config.heads : 0);
    config.vocabulary = root.integer("vocab_size", 32000);
    config.context = root.integer("max_position_embeddings", 2048);
    config.norm_epsilon = root.number("rms_norm_eps", 1e-6);
    read_rope(config, root, path);
    config.tied = root.boolean("tie_word_embeddings", false);
    validate(config, path);
    config.bos = bos_of(root, config.vocabulary);
    config.pad = pad_of(root, config.vocabulary);
    config.eos = eos_of(root, config.vocabulary);
    return config;
}

Config read_config(const std::filesystem::path& path) { return parse_config(MappedFile(path).text(), path.string()); }

void validate(const Config& c, std::string_view source) {
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
    if (!(c.norm_epsilon > 0 && c.norm_epsilon < 1))
        fail(ErrorKind::damaged, "{}: 'rms_norm_eps' is {}; it must be above 0 and below 1", source, c.norm_epsilon);
    if (!(c.rope_theta >= 1 && c.rope_theta < 1e12))
        fail(ErrorKind::damaged, "{}: 'rope_theta' is {}; it must be 1 or more and below 1e12", source, c.rope_theta);
    if (c.rope_scaling) {
        const RopeScaling& r = *c.rope_scaling;
        if (!(r.factor >= 1 && r.factor < 1e6))
            fail(ErrorKind::damaged, "{}: RoPE scaling 'factor' is {}; it must be 1 or more and below 1e6", source,
                 r.factor);
        if (!(r.low_frequency_factor > 0 && r.high_frequency_factor > r.low_frequency_factor &&
              r.high_frequency_factor < 1e6))
            fail(ErrorKind::damaged,
                 "{}: RoPE scaling 'low_freq_factor' is {} and 'high_freq_factor' {}; they must satisfy 0 < low < high "
                 "< 1e6",
                 source, r.low_frequency_factor, r.high_frequency_factor);
        if (r.original_context < 1 || r.original_context > ConfigLimits::context)
            fail(ErrorKind::damaged, "{}: 'original_max_position_embeddings' is {}; it must be 1 to {}", source,
                 r.original_context, ConfigLimits::context);
    }
}

std::string config_json(const Config& c, Dtype dtype) {
    JsonText rope_scaling = nullptr, bos = nullptr, pad = nullptr, eos = c.eos;
    if (c.bos >= 0) bos = c.bos;
    if (c.pad >= 0) pad = c.pad;
    if (c.eos.size() == 1) eos = c.eos[0];
    if (c.rope_scaling)
        rope_scaling = JsonObject{{"rope_type", "llama3"},
                                  {"factor", c.rope_scaling->factor},
                                  {"low_freq_factor", c.rope_scaling->low_frequency_factor},
                                  {"high_freq_factor", c.rope_scaling->high_frequency_factor},
                                  {"original_max_position_embeddings", c.rope_scaling->original_context}};
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
                    {"rope_scaling", rope_scaling},
                    {"tie_word_embeddings", c.tied},
                    {"hidden_act", "silu"},
                    {"attention_bias", false},
                    {"mlp_bias", false},
                    {"bos_token_id", bos},
                    {"eos_token_id", eos},
                    {"pad_token_id", pad},
                    {"torch_dtype", dtype == Dtype::bf16  ? "bfloat16"
                                    : dtype == Dtype::f16 ? "float16"
                                                          : "float32"}};
    return indent_json(json.text(), 2) + "\n";
}

std::vector<float> rotary_frequencies(const Config& c) {
    std::vector<float> frequencies;
    for (int64_t p = 0; p < c.head_dim / 2; ++p) {
        double f =
            exact::exp(-2.0 * static_cast<double>(p) / static_cast<double>(c.head_dim) * exact::log(c.rope_theta));
        if (c.rope_scaling) {
            const RopeScaling& r = *c.rope_scaling;
            double rotations =
                static_cast<double>(r.original_context) * f / 6.283185307179586;  // over the original context
            double keep = std::clamp(
                (rotations - r.low_frequency_factor) / (r.high_frequency_factor - r.low_frequency_factor), 0.0, 1.0);
            f *= keep + (1 - keep) / r.factor;
        }
        frequencies.push_back(static_cast<float>(f));
    }
    return frequencies;
}

}  // namespace puna
