#include "model/config.h"

#include "core/checked.h"
#include "core/mapped_file.h"
#include "core/math.h"
#include "model/config_values.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

namespace puna {

namespace {

constexpr int64_t max_size = int64_t{1} << 24, max_layers = 4096;

std::optional<RopeScaling> rope_scaling_of(const ConfigValues& values, int64_t context) {
    bool has_type = values.has("rope.rope_type") || values.has("rope.type");
    for (const char* key :
         {"rope.factor", "rope.low_freq_factor", "rope.high_freq_factor", "rope.original_max_position_embeddings"})
        if (!has_type && values.has(key))
            fail("{}: '{}' is set but '{}' is missing", values.path(), values.name_of(key),
                 values.name_of("rope.rope_type"));
    for (const char* key : {"partial_rotary_factor", "rope.partial_rotary_factor"})
        if (values.number(key, 1) != 1)
            fail("{}: '{}' is {}; partial rotary embeddings are not supported", values.path(), values.name_of(key),
                 values.number(key));
    std::string type = values.text("rope.rope_type", values.text("rope.type", "default"));
    if (type == "default") return {};
    if (type != "llama3")
        fail("{}: RoPE scaling type '{}' is not supported, only 'llama3'", values.path(), printable(type));
    int64_t nested_original = values.integer("rope.original_max_position_embeddings", context);
    return RopeScaling{.factor = values.number("rope.factor"),
                       .low_frequency_factor = values.number("rope.low_freq_factor"),
                       .high_frequency_factor = values.number("rope.high_freq_factor"),
                       .original_context = values.integer("original_max_position_embeddings", nested_original)};
}

void reject_quantized(const ConfigValues& values) {
    for (std::string field : {"quantization_config", "compression_config"}) {
        if (!values.is_present(field + ".")) continue;
        bool bitsandbytes = values.flag(field + ".load_in_4bit", false) || values.flag(field + ".load_in_8bit", false);
        std::string method = values.text(field + ".quant_method", bitsandbytes ? "bitsandbytes" : "an unknown method");
        fail(
            "{}: the weights are quantized with {} ('{}'); only F32, F16 and BF16 are supported: use the unquantized "
            "model",
            values.path(), printable(method), field);
    }
}

void reject_unsupported(const ConfigValues& values) {
    std::string type = values.text("model_type", "llama"), activation = values.text("hidden_act", "silu");
    if (type != "llama") fail("{}: model_type is '{}'; only 'llama' is supported", values.path(), printable(type));
    std::string architecture = values.text("architectures", "LlamaForCausalLM");
    if (!values.has("model_type") && architecture != "LlamaForCausalLM")
        fail("{}: 'architectures' names {}; only LlamaForCausalLM is supported", values.path(),
             printable(architecture));
    if (activation != "silu" && activation != "swish")  // synonyms
        fail("{}: hidden_act is '{}'; only 'silu' is supported", values.path(), printable(activation));
    for (const char* bias : {"attention_bias", "mlp_bias"})
        if (values.flag(bias, false)) fail("{}: '{}' is true; biases are not supported", values.path(), bias);
}

int32_t token_id(int64_t id, const ConfigValues& values, std::string_view key) {
    std::optional<int32_t> token = checked_cast<int32_t>(id);
    if (!token || *token < 0)
        fail("{}: '{}' is {}; token ids are 0 to {}", values.path(), key, id, std::numeric_limits<int32_t>::max());
    return *token;
}

// A negative id, usually -1, means that there is none, like null.
int32_t bos_of(int64_t id, const ConfigValues& values) { return id < 0 ? -1 : token_id(id, values, "bos_token_id"); }

}  // namespace

Config parse_config(std::string_view json, std::string_view path) {
    ConfigValues values(json, path);
    reject_unsupported(values);
    reject_quantized(values);
    Config config;  // defaults: transformers' LlamaConfig
    config.dim = values.integer("hidden_size", 4096);
    config.ffn = values.integer("intermediate_size", 11008);
    config.layers = values.integer("num_hidden_layers", 32);
    config.heads = values.integer("num_attention_heads", 32);
    config.kv_heads = values.integer("num_key_value_heads", config.heads);
    config.head_dim = values.integer("head_dim", config.heads > 0 ? config.dim / config.heads : 0);
    config.vocabulary = values.integer("vocab_size", 32000);
    config.context = values.integer("max_position_embeddings", 2048);
    config.norm_epsilon = values.number("rms_norm_eps", 1e-6);
    config.rope_theta = values.number("rope.rope_theta", values.number("rope_theta", 10000));
    config.rope_scaling = rope_scaling_of(values, config.context);
    config.tied = values.flag("tie_word_embeddings", false);
    if (values.has("bos_token_id") || !values.is_present("bos_token_id"))
        config.bos = bos_of(values.integer("bos_token_id", 1), values);
    for (int64_t id : values.eos()) config.eos.push_back(token_id(id, values, "eos_token_id"));
    if (!values.is_present("eos_token_id")) config.eos = {2};
    validate(config, path);
    return config;
}

Config read_config(const std::filesystem::path& path) { return parse_config(MappedFile(path).text(), path.string()); }

void validate(const Config& c, std::string_view source) {
    struct Size {
        std::string_view name;
        int64_t value, limit;
    };
    for (Size size :
         {Size{"hidden_size", c.dim, max_size}, Size{"intermediate_size", c.ffn, max_size},
          Size{"num_hidden_layers", c.layers, max_layers}, Size{"num_attention_heads", c.heads, max_size},
          Size{"num_key_value_heads", c.kv_heads, max_size}, Size{"head_dim", c.head_dim, 4096},
          Size{"vocab_size", c.vocabulary, max_size}, Size{"max_position_embeddings", c.context, int64_t{1} << 30}})
        if (size.value < 1 || size.value > size.limit)
            fail("{}: '{}' is {}; it must be 1 to {}", source, size.name, size.value, size.limit);
    if (c.heads % c.kv_heads != 0)
        fail("{}: {} attention heads are not a multiple of {} key/value heads", source, c.heads, c.kv_heads);
    if (c.head_dim % 2 != 0) fail("{}: head_dim is {}; it must be even for rotary embeddings", source, c.head_dim);
    if (c.heads * c.head_dim > max_size) fail("{}: {} heads of size {} are too large", source, c.heads, c.head_dim);
    if (!(c.norm_epsilon > 0 && c.norm_epsilon < 1))
        fail("{}: 'rms_norm_eps' is {}; it must be above 0 and below 1", source, c.norm_epsilon);
    if (!(c.rope_theta >= 1 && c.rope_theta < 1e12))
        fail("{}: 'rope_theta' is {}; it must be 1 or more and below 1e12", source, c.rope_theta);
    if (c.rope_scaling) {
        const RopeScaling& r = *c.rope_scaling;
        if (!(r.factor >= 1 && r.factor < 1e6))
            fail("{}: RoPE scaling 'factor' is {}; it must be 1 or more and below 1e6", source, r.factor);
        if (!(r.low_frequency_factor > 0 && r.high_frequency_factor > r.low_frequency_factor &&
              r.high_frequency_factor < 1e6))
            fail(
                "{}: RoPE scaling 'low_freq_factor' is {} and 'high_freq_factor' {}; they must satisfy 0 < low < high "
                "< "
                "1e6",
                source, r.low_frequency_factor, r.high_frequency_factor);
        if (r.original_context < 1 || r.original_context > int64_t{1} << 30)
            fail("{}: 'original_max_position_embeddings' is {}; it must be 1 to {}", source, r.original_context,
                 int64_t{1} << 30);
    }
}

std::string config_json(const Config& c, Dtype dtype) {
    nlohmann::ordered_json json{{"architectures", {"LlamaForCausalLM"}},
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
                                {"rope_scaling", nullptr},
                                {"tie_word_embeddings", c.tied},
                                {"hidden_act", "silu"},
                                {"attention_bias", false},
                                {"mlp_bias", false},
                                {"bos_token_id", nullptr},
                                {"eos_token_id", c.eos},
                                {"torch_dtype", dtype == Dtype::bf16  ? "bfloat16"
                                                : dtype == Dtype::f16 ? "float16"
                                                                      : "float32"}};
    if (c.bos >= 0) json["bos_token_id"] = c.bos;
    if (c.eos.size() == 1) json["eos_token_id"] = c.eos[0];
    if (c.rope_scaling)
        json["rope_scaling"] = {{"rope_type", "llama3"},
                                {"factor", c.rope_scaling->factor},
                                {"low_freq_factor", c.rope_scaling->low_frequency_factor},
                                {"high_freq_factor", c.rope_scaling->high_frequency_factor},
                                {"original_max_position_embeddings", c.rope_scaling->original_context}};
    return json.dump(2) + "\n";
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

int64_t parameter_count(const Config& c) {
    int64_t layer = 2 * c.q_dim() * c.dim + 2 * c.kv_dim() * c.dim + 3 * c.ffn * c.dim + 2 * c.dim;
    return c.layers * layer + (c.tied ? 1 : 2) * c.vocabulary * c.dim + c.dim;
}

double training_operations(const Config& c, int64_t sequence) {
    int64_t norms = (2 * c.layers + 1) * c.dim, embedding = c.tied ? 0 : c.vocabulary * c.dim;
    return 6 * static_cast<double>(parameter_count(c) - norms - embedding) +
           6 * static_cast<double>(c.layers * c.q_dim() * sequence);
}

}  // namespace puna
