#include "model/config.h"

#include "core/checked.h"
#include "core/json.h"
#include "core/mapped_file.h"
#include "core/math.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <nlohmann/json.hpp>

namespace puna {

namespace {

constexpr int64_t largest_size = int64_t{1} << 24, most_layers = 4096, most_eos = 64;

// The values that matter, by their path: "hidden_size", "rope.factor" for rope_scaling's or rope_parameters'.
// Everything else is passed over, and so is null; a list or object where a number was due is kept as such, to be
// refused.
class Values {
 public:
    Values(std::string_view json, std::string_view path) : path_(path) {
        read_json(json, path, [this](const JsonEvent& event) { take(event); });
    }

    int64_t whole(const std::string& key, std::optional<int64_t> otherwise = {}) const {
        const Value* value = find(key, otherwise.has_value());
        if (!value) return *otherwise;
        if (value->kind != JsonEvent::integer) fail("{}: '{}' must be a whole number", path_, name_of(key));
        return value->integer;
    }
    double number(const std::string& key, std::optional<double> otherwise = {}) const {
        const Value* value = find(key, otherwise.has_value());
        if (!value) return *otherwise;
        bool fits = value->kind == JsonEvent::integer || value->kind == JsonEvent::number;
        if (!fits || !std::isfinite(value->number)) fail("{}: '{}' must be a number", path_, name_of(key));
        return value->number;
    }
    bool flag(const std::string& key, bool otherwise) const {
        const Value* value = find(key, true);
        if (!value) return otherwise;
        if (value->kind != JsonEvent::boolean) fail("{}: '{}' must be true or false", path_, key);
        return value->integer != 0;
    }
    std::string text(const std::string& key, const std::string& otherwise) const {
        const Value* value = find(key, true);
        if (!value) return otherwise;
        if (value->kind != JsonEvent::string) fail("{}: '{}' must be a text", path_, name_of(key));
        return value->text;
    }
    bool has(const std::string& key) const { return find(key, true) != nullptr; }
    const std::vector<int64_t>& eos() const { return eos_; }
    std::string_view path() const { return path_; }

    // As the file spells it: "rope_scaling.factor".
    std::string name_of(const std::string& key) const { return key.starts_with("rope.") ? rope_ + key.substr(4) : key; }

 private:
    struct Value {
        JsonEvent::Kind kind;
        int64_t integer;
        double number;
        std::string text;
    };

    static bool is_rope(std::string_view key) { return key == "rope_scaling" || key == "rope_parameters"; }

    void take(const JsonEvent& event) {
        if (event.depth == 0 && event.kind != JsonEvent::begin_object && event.kind != JsonEvent::end_object)
            fail("{}: not a JSON object", path_);
        if (event.kind == JsonEvent::key) {
            if (event.depth == 1) top_ = event.text;
            if (event.depth == 2) inner_ = event.text;
            return;
        }
        if (event.kind == JsonEvent::end_object || event.kind == JsonEvent::end_array) return;
        if (event.depth == 2 && top_ == "eos_token_id") return note_eos(event);
        if (event.kind == JsonEvent::null) return;
        if (event.depth == 1 && is_rope(top_))
            begin_rope(event);
        else if (event.depth == 1 && top_ == "eos_token_id")
            begin_eos(event);
        else if (event.depth == 1)
            keep(top_, event);
        else if (event.depth == 2 && is_rope(top_))
            keep("rope." + inner_, event);
    }
    void begin_rope(const JsonEvent& event) {
        if (event.kind != JsonEvent::begin_object) fail("{}: '{}' must be an object or null", path_, top_);
        rope_ = top_;
    }
    void begin_eos(const JsonEvent& event) {
        if (event.kind != JsonEvent::begin_array) note_eos(event);
    }
    void note_eos(const JsonEvent& event) {
        if (event.kind != JsonEvent::integer)
            fail("{}: 'eos_token_id' must be a whole number or a list of them", path_);
        if (static_cast<int64_t>(eos_.size()) == most_eos) fail("{}: more than {} of 'eos_token_id'", path_, most_eos);
        eos_.push_back(event.integer_value);
    }
    void keep(const std::string& key, const JsonEvent& event) {
        static constexpr std::string_view known[] = {"model_type",
                                                     "hidden_size",
                                                     "intermediate_size",
                                                     "num_hidden_layers",
                                                     "num_attention_heads",
                                                     "num_key_value_heads",
                                                     "head_dim",
                                                     "vocab_size",
                                                     "max_position_embeddings",
                                                     "rms_norm_eps",
                                                     "rope_theta",
                                                     "tie_word_embeddings",
                                                     "hidden_act",
                                                     "attention_bias",
                                                     "mlp_bias",
                                                     "bos_token_id",
                                                     "rope.rope_type",
                                                     "rope.type",
                                                     "rope.factor",
                                                     "rope.low_freq_factor",
                                                     "rope.high_freq_factor",
                                                     "rope.original_max_position_embeddings",
                                                     "rope.rope_theta"};
        if (std::find(std::begin(known), std::end(known), key) == std::end(known)) return;
        if (event.text.size() > 256) fail("{}: '{}' is a text of {} bytes", path_, name_of(key), event.text.size());
        values_[key] = {event.kind, event.integer_value, event.number_value, std::string(event.text)};
    }
    const Value* find(const std::string& key, bool optional) const {
        auto at = values_.find(key);
        if (at == values_.end() && !optional) fail("{}: '{}' is missing", path_, name_of(key));
        return at == values_.end() ? nullptr : &at->second;
    }

    std::string_view path_;
    std::string top_, inner_, rope_;
    std::map<std::string, Value> values_;
    std::vector<int64_t> eos_;
};

std::optional<RopeScaling> rope_scaling_of(const Values& values) {
    bool typed = values.has("rope.rope_type") || values.has("rope.type");
    for (const char* key :
         {"rope.factor", "rope.low_freq_factor", "rope.high_freq_factor", "rope.original_max_position_embeddings"})
        if (!typed && values.has(key))
            fail("{}: '{}' is there, but no '{}' says what it means", values.path(), values.name_of(key),
                 values.name_of("rope.rope_type"));
    std::string type = values.text("rope.rope_type", values.text("rope.type", "default"));
    if (type == "default") return {};
    if (type != "llama3")
        fail("{}: rotary scaling '{}' is not supported, only 'llama3'", values.path(), printable(type));
    return RopeScaling{.factor = values.number("rope.factor"),
                       .low_frequency_factor = values.number("rope.low_freq_factor"),
                       .high_frequency_factor = values.number("rope.high_freq_factor"),
                       .original_context = values.whole("rope.original_max_position_embeddings")};
}

void refuse_other_models(const Values& values) {
    std::string type = values.text("model_type", "llama"), activation = values.text("hidden_act", "silu");
    if (type != "llama") fail("{}: model_type is '{}'; only 'llama' can be run", values.path(), printable(type));
    if (activation != "silu")
        fail("{}: hidden_act is '{}'; only 'silu' can be run", values.path(), printable(activation));
    for (const char* bias : {"attention_bias", "mlp_bias"})
        if (values.flag(bias, false)) fail("{}: '{}' is true; models with biases cannot be run", values.path(), bias);
}

int32_t token_of(int64_t id, const Values& values, std::string_view key) {
    std::optional<int32_t> token = checked_cast<int32_t>(id);
    if (!token || *token < 0)
        fail("{}: '{}' is {}; a token's id is 0 to {}", values.path(), key, id, std::numeric_limits<int32_t>::max());
    return *token;
}

}  // namespace

Config parse_config(std::string_view json, std::string_view path) {
    Values values(json, path);
    refuse_other_models(values);
    Config config;
    config.dim = values.whole("hidden_size");
    config.ffn = values.whole("intermediate_size");
    config.layers = values.whole("num_hidden_layers");
    config.heads = values.whole("num_attention_heads");
    config.kv_heads = values.whole("num_key_value_heads", config.heads);
    config.head_dim = values.whole("head_dim", config.heads > 0 ? config.dim / config.heads : 0);
    config.vocabulary = values.whole("vocab_size");
    config.context = values.whole("max_position_embeddings", 8192);
    config.norm_epsilon = values.number("rms_norm_eps", 1e-5);
    config.rope_theta = values.number("rope_theta", values.number("rope.rope_theta", 10000));
    config.rope_scaling = rope_scaling_of(values);
    config.tied = values.flag("tie_word_embeddings", false);
    config.bos = token_of(values.whole("bos_token_id", 0), values, "bos_token_id");
    for (int64_t id : values.eos()) config.eos.push_back(token_of(id, values, "eos_token_id"));
    validate(config, path);
    return config;
}

Config read_config(const std::filesystem::path& path) { return parse_config(MappedFile(path).text(), path.string()); }

void validate(const Config& c, std::string_view place) {
    struct Size {
        std::string_view name;
        int64_t value, limit;
    };
    for (Size size :
         {Size{"hidden_size", c.dim, largest_size}, Size{"intermediate_size", c.ffn, largest_size},
          Size{"num_hidden_layers", c.layers, most_layers}, Size{"num_attention_heads", c.heads, largest_size},
          Size{"num_key_value_heads", c.kv_heads, largest_size}, Size{"head_dim", c.head_dim, 4096},
          Size{"vocab_size", c.vocabulary, largest_size}, Size{"max_position_embeddings", c.context, int64_t{1} << 30}})
        if (size.value < 1 || size.value > size.limit)
            fail("{}: '{}' is {}; it must be 1 to {}", place, size.name, size.value, size.limit);
    if (c.heads % c.kv_heads != 0)
        fail("{}: {} heads cannot share {} key and value heads evenly", place, c.heads, c.kv_heads);
    if (c.head_dim % 2 != 0) fail("{}: head_dim is {}; rotary pairs need an even one", place, c.head_dim);
    if (c.heads * c.head_dim > largest_size) fail("{}: {} heads of {} are too large", place, c.heads, c.head_dim);
    if (!(c.norm_epsilon > 0 && c.norm_epsilon < 1))
        fail("{}: 'rms_norm_eps' is {}; it must be above 0 and below 1", place, c.norm_epsilon);
    if (!(c.rope_theta >= 1 && c.rope_theta < 1e12))
        fail("{}: 'rope_theta' is {}; it must be 1 or more and below 1e12", place, c.rope_theta);
    if (c.rope_scaling) {
        const RopeScaling& r = *c.rope_scaling;
        if (!(r.factor >= 1 && r.factor < 1e6))
            fail("{}: rotary 'factor' is {}; it must be 1 or more and below 1e6", place, r.factor);
        if (!(r.low_frequency_factor > 0 && r.high_frequency_factor > r.low_frequency_factor &&
              r.high_frequency_factor < 1e6))
            fail(
                "{}: rotary 'low_freq_factor' is {} and 'high_freq_factor' {}; they must be above 0, the second the "
                "larger and below 1e6",
                place, r.low_frequency_factor, r.high_frequency_factor);
        if (r.original_context < 1 || r.original_context > int64_t{1} << 30)
            fail("{}: 'original_max_position_embeddings' is {}; it must be 1 to {}", place, r.original_context,
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
                                {"bos_token_id", c.bos},
                                {"eos_token_id", c.eos},
                                {"torch_dtype", dtype == Dtype::bf16  ? "bfloat16"
                                                : dtype == Dtype::f16 ? "float16"
                                                                      : "float32"}};
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
            double turns = static_cast<double>(r.original_context) * f / 6.283185307179586;  // in the original context
            double keep = std::clamp(
                (turns - r.low_frequency_factor) / (r.high_frequency_factor - r.low_frequency_factor), 0.0, 1.0);
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
