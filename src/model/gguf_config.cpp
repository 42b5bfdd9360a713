#include "model/gguf_config.h"

#include "core/error.h"
#include "core/fields.h"
#include "tokenizer/gguf_vocabulary_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

namespace puna {

namespace {

constexpr std::string_view architecture = "llama", config_key = "puna.config", freqs_name = "rope_freqs.weight",
                           short_name = "rope_factors_short.weight", long_name = "rope_factors_long.weight",
                           another_model = "one of the two belongs to another model";

// A number that was written in decimal and is stored as f32: 1e-5, not 9.99999974e-06.
double decimal(double value) {
    std::string text = fmt::format("{}", static_cast<float>(value));
    return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc() ? value : 0;
}

class KeyReader {
 public:
    explicit KeyReader(const GgufFile& file) : file_(file) {}

    std::optional<int64_t> integer(std::string_view name) const { return file_.integer(key(name)); }
    std::optional<std::string_view> text(std::string_view name) const { return file_.text(key(name)); }
    std::optional<double> number(std::string_view name) const {
        std::optional<double> value = file_.number(key(name));
        return value ? std::optional(decimal(*value)) : std::nullopt;
    }

    int64_t need(std::string_view name) const {
        if (std::optional<int64_t> value = integer(name)) return *value;
        fail_missing(name);
    }
    // From 1 to the limit; without a fallback the key must be there.
    int64_t size(std::string_view name, int64_t limit, std::optional<int64_t> fallback = {}) const {
        int64_t value = fallback ? integer(name).value_or(*fallback) : need(name);
        if (value < 1 || value > limit)
            reject(ErrorKind::damaged, name, fmt::format("is {}; it must be 1 to {}", value, limit));
        return value;
    }
    // At least `least` and below `limit`.
    double number_within(std::string_view name, double least, double limit, double fallback) const {
        double value = number(name).value_or(fallback);
        if (!(value >= least && value < limit))
            reject(ErrorKind::damaged, name,
                   fmt::format("is {}; it must be {} or more and below {}", value, least, limit));
        return value;
    }
    double need_within(std::string_view name, double least, double limit) const {
        if (!number(name)) fail_missing(name);
        return number_within(name, least, limit, least);
    }
    [[noreturn]] void fail_missing(std::string_view name) const {
        fail(ErrorKind::damaged, "{}: has no key '{}': download it again, or convert the model again",
             file_.path().string(), key(name));
    }
    [[noreturn]] void reject(ErrorKind kind, std::string_view name, const std::string& problem) const {
        fail(kind, "{}: key '{}' {}", file_.path().string(), key(name), problem);
    }

 private:
    static std::string key(std::string_view name) { return fmt::format("{}.{}", architecture, name); }

    const GgufFile& file_;
};

void reject_unsupported(const GgufFile& file) {
    std::string_view found = file.text("general.architecture").value_or(""),
                     type = file.text("general.type").value_or("model");
    if (type == "adapter")
        fail(ErrorKind::unsupported,
             "{}: is a LoRA adapter, not a model: pass its base model, and the file as its adapter",
             file.path().string());
    if (found.empty())
        fail(ErrorKind::damaged, "{}: has no key 'general.architecture': it is no model, or damaged",
             file.path().string());
    if (found != architecture)
        fail(ErrorKind::unsupported, "{}: general.architecture is '{}'; only 'llama' is supported",
             file.path().string(), printable(found));
    KeyReader keys(file);
    if (int64_t experts = keys.integer("expert_count").value_or(0); experts != 0)
        keys.reject(ErrorKind::unsupported, "expert_count",
                    fmt::format("is {}: a mixture of experts is not supported, only dense Llamas", experts));
}

// Of a tensor of two dimensions; 0 if there is none.
std::array<int64_t, 2> shape_of_matrix(const GgufShards& shards, std::string_view name) {
    const TensorEntry* entry = shards.find(name);
    return entry && entry->rank == 2 ? std::array{entry->shape[0], entry->shape[1]} : std::array<int64_t, 2>{};
}

void read_heads(Config& config, const KeyReader& keys) {
    config.heads = keys.size("attention.head_count", ConfigLimits::size);
    config.kv_heads = keys.size("attention.head_count_kv", ConfigLimits::size, config.heads);
    if (config.heads % config.kv_heads != 0)
        keys.reject(ErrorKind::damaged, "attention.head_count_kv",
                    fmt::format("is {}, which does not divide the {} heads", config.kv_heads, config.heads));
    config.head_dim = keys.integer("attention.key_length").value_or(0);
    if (config.head_dim == 0 && config.dim % config.heads != 0)
        keys.reject(ErrorKind::damaged, "attention.head_count",
                    fmt::format("is {}, which does not divide the embedding_length {}", config.heads, config.dim));
    config.head_dim = keys.size("attention.key_length", ConfigLimits::head_dim, config.dim / config.heads);
    if (int64_t values = keys.integer("attention.value_length").value_or(config.dim / config.heads);
        values != config.head_dim)
        keys.reject(ErrorKind::unsupported, "attention.value_length",
                    fmt::format("is {}; only that of keys, {}, is supported", values, config.head_dim));
    if (int64_t rotary = keys.integer("rope.dimension_count").value_or(config.head_dim); rotary != config.head_dim)
        keys.reject(
            ErrorKind::unsupported, "rope.dimension_count",
            fmt::format("is {} in heads of {}; partial rotary embeddings are not supported", rotary, config.head_dim));
}

void read_sizes(Config& config, const KeyReader& keys, const GgufShards& shards) {
    auto [rows, columns] = shape_of_matrix(shards, "token_embd.weight");
    config.dim = keys.size("embedding_length", ConfigLimits::size);
    if (columns > 0 && config.dim != columns)
        keys.reject(ErrorKind::damaged, "embedding_length",
                    fmt::format("is {}, but tensor 'token_embd.weight' has rows of {}: {}", config.dim, columns,
                                another_model));
    config.layers = keys.size("block_count", ConfigLimits::layers);
    config.ffn = keys.size("feed_forward_length", ConfigLimits::size);
    config.context = keys.size("context_length", ConfigLimits::context);
    read_heads(config, keys);
    config.vocabulary = keys.integer("vocab_size").value_or(rows);
    if (rows > 0 && config.vocabulary != rows)
        keys.reject(ErrorKind::damaged, "vocab_size",
                    fmt::format("is {}, but tensor 'token_embd.weight' has {} rows: {}", config.vocabulary, rows,
                                another_model));
    if (const GgufValue* tokens = shards.first().find_value(gguf_keys::tokens);
        tokens && rows > 0 && static_cast<int64_t>(tokens->count) > rows)
        fail(ErrorKind::damaged, "{}: key '{}' has {} tokens, but tensor 'token_embd.weight' has {} rows: {}",
             shards.first().path().string(), gguf_keys::tokens, tokens->count, rows, another_model);
    config.tied = !shards.find("output.weight");
    config.attention_bias = shards.find("blk.0.attn_q.bias") != nullptr;
    config.mlp_bias = shards.find("blk.0.ffn_gate.bias") != nullptr;
}

std::vector<double> read_divisors(GgufShards& shards, std::string_view name, const Config& config) {
    GgufFile* file = shards.find_file(name);
    if (!file) return {};
    const TensorEntry& entry = *file->find(name);
    if (entry.dtype != Dtype::f32 || entry.rank != 1 || entry.shape[0] != config.head_dim / 2)
        fail(ErrorKind::damaged, "{}: tensor '{}' is not F32 [{}]: it belongs to another model", file->path().string(),
             name, config.head_dim / 2);
    std::vector<double> divisors;
    for (float value : file->tensor(entry).span<float>()) {
        if (!(value >= 1e-6f && value < 1e6f))
            fail(ErrorKind::damaged, "{}: tensor '{}' has the value {}; it must be 1e-6 or more and below 1e6",
                 file->path().string(), name, value);
        divisors.push_back(value);
    }
    return divisors;
}

// Frequencies that are divided by the same numbers for any context.
RopeScaling scaling_by(std::vector<double> divisors, double attention, const Config& config) {
    RopeScaling scaling{.kind = RopeKind::longrope, .factor = 1, .original_context = config.context};
    scaling.attention_factor = attention;
    scaling.short_divisors = divisors;
    scaling.long_divisors = std::move(divisors);
    return scaling;
}

bool close(const std::vector<float>& a, const std::vector<float>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](float x, float y) { return std::abs(x - y) <= 2e-6f * std::abs(x); });
}

// Llama 3's formula where it gives these divisors: it has a name in config.json.
RopeScaling llama3_or(const RopeScaling& scaling, Config config) {
    if (scaling.attention_factor != 1) return scaling;
    config.rope_scaling = scaling;
    std::vector<float> wanted = rotary_frequencies(config, 0).values;
    double factor = *std::max_element(scaling.short_divisors.begin(), scaling.short_divisors.end());
    config.rope_scaling = RopeScaling{.kind = RopeKind::llama3, .factor = decimal(factor)};
    return close(rotary_frequencies(config, 0).values, wanted) ? *config.rope_scaling : scaling;
}

// What the keys say; tensors are read apart.
struct ScalingKeys {
    std::string_view type;  // "none", "linear", "yarn" or "longrope"
    double factor = 1, attention = 1;
    int64_t original_context = 0;
};
ScalingKeys read_scaling_keys(const KeyReader& keys, const Config& config) {
    double linear = keys.number_within("rope.scale_linear", 1, 1e6, 1);
    ScalingKeys scaling{
        .type = keys.text("rope.scaling.type")
                    .value_or(linear > 1 || keys.number("rope.scaling.factor") ? "linear" : "none"),
        .factor = keys.number_within("rope.scaling.factor", 0, 1e6, linear),
        .attention = keys.number_within("rope.scaling.attn_factor", 1e-6, 1e6, 1),
        .original_context = keys.size("rope.scaling.original_context_length", ConfigLimits::context, config.context)};
    constexpr std::string_view known[] = {"none", "linear", "yarn", "longrope"};
    if (std::find(std::begin(known), std::end(known), scaling.type) == std::end(known))
        keys.reject(ErrorKind::unsupported, "rope.scaling.type",
                    fmt::format("is '{}'; only linear, yarn and longrope, with its tensors, are supported",
                                printable(scaling.type)));
    if (scaling.factor == 0) scaling.factor = 1;  // as llama.cpp: not scaled
    return scaling;
}

RopeScaling yarn_of(const ScalingKeys& scaling, const KeyReader& keys) {
    RopeScaling yarn{.kind = RopeKind::yarn, .factor = scaling.factor, .original_context = scaling.original_context};
    yarn.fast_rotations = keys.number("rope.scaling.yarn_beta_fast").value_or(32);
    yarn.slow_rotations = keys.number("rope.scaling.yarn_beta_slow").value_or(1);
    if (scaling.attention != 1) yarn.attention_factor = scaling.attention * yarn_attention(scaling.factor, 1);
    return yarn;
}

std::optional<RopeScaling> read_scaling(const KeyReader& keys, GgufShards& shards, const Config& config) {
    std::vector<double> divisors = read_divisors(shards, freqs_name, config),
                        by_short = read_divisors(shards, short_name, config),
                        by_long = read_divisors(shards, long_name, config);
    ScalingKeys scaling = read_scaling_keys(keys, config);
    if (!by_short.empty() && !by_long.empty())
        return RopeScaling{.kind = RopeKind::longrope,
                           .factor = scaling.factor,
                           .original_context = scaling.original_context,
                           .attention_factor = scaling.attention,
                           .short_divisors = by_short,
                           .long_divisors = by_long};
    if (!divisors.empty() && scaling.type == "yarn")
        keys.reject(ErrorKind::unsupported, "rope.scaling.type",
                    fmt::format("is 'yarn', together with tensor '{}': only one of the two is supported", freqs_name));
    if (!divisors.empty()) {
        if (scaling.type == "linear")
            for (double& divisor : divisors) divisor *= scaling.factor;
        return llama3_or(scaling_by(std::move(divisors), scaling.attention, config), config);
    }
    if (scaling.type == "longrope")
        keys.reject(ErrorKind::damaged, "rope.scaling.type",
                    fmt::format("is 'longrope', but the file lacks tensors '{}' and '{}': convert the model again",
                                short_name, long_name));
    if (scaling.type == "yarn") return yarn_of(scaling, keys);
    if (scaling.type == "none" || scaling.factor == 1) return {};
    return RopeScaling{
        .kind = RopeKind::linear, .factor = scaling.factor, .original_context = scaling.original_context};
}

// A token of the vocabulary; -1: the file names none.
int32_t token_id(const GgufFile& file, const std::string& key, int64_t vocabulary) {
    std::optional<int64_t> id = file.integer(key);
    if (!id || is_no_token(*id)) return -1;
    if (*id < 0 || *id >= vocabulary)
        fail(ErrorKind::damaged, "{}: key '{}' is {}; the vocabulary has token ids 0 to {}", file.path().string(), key,
             *id, vocabulary - 1);
    return static_cast<int32_t>(*id);
}

void read_tokens(Config& config, const GgufFile& file) {
    auto id = [&](const char* role) {
        return token_id(file, fmt::format("tokenizer.ggml.{}_token_id", role), config.vocabulary);
    };
    config.bos = id("bos");
    config.pad = id("padding");
    for (const char* role : {"eos", "eot", "eom"})
        if (int32_t end = id(role);
            end >= 0 && std::find(config.eos.begin(), config.eos.end(), end) == config.eos.end())
            config.eos.push_back(end);
}

bool same_sizes(const Config& a, const Config& b) {
    auto sizes = [](const Config& c) {
        return std::array<int64_t, 11>{c.dim,        c.layers,  c.heads, c.kv_heads,       c.head_dim, c.ffn,
                                       c.vocabulary, c.context, c.tied,  c.attention_bias, c.mlp_bias};
    };
    return sizes(a) == sizes(b);
}

// Whether the file's keys are those of this config: in f32, and with the frequencies that they can express.
bool agrees(const Config& config, const Config& keys) {
    bool same_ends = (config.bos < 0 || config.bos == keys.bos) &&
                     (keys.eos.empty() || config.eos.empty() || config.eos[0] == keys.eos[0]);
    return same_sizes(config, keys) && same_ends &&
           static_cast<float>(config.norm_epsilon) == static_cast<float>(keys.norm_epsilon) &&
           static_cast<float>(config.rope_theta) == static_cast<float>(keys.rope_theta) &&
           close(rotary_frequencies(config, config.context).values, rotary_frequencies(keys, keys.context).values);
}

Config read_keys(GgufShards& shards) {
    const GgufFile& file = shards.first();
    KeyReader keys(file);
    Config config;
    read_sizes(config, keys, shards);
    config.norm_epsilon = keys.need_within("attention.layer_norm_rms_epsilon", 1e-30, 1);
    config.rope_theta = keys.number_within("rope.freq_base", 1, 1e12, 10000);
    validate(config, file.path().string());
    config.rope_scaling = read_scaling(keys, shards, config);
    validate(config, file.path().string());
    read_tokens(config, file);
    return config;
}

}  // namespace

Config read_gguf_config(GgufShards& shards) {
    const GgufFile& file = shards.first();
    reject_unsupported(file);
    Config keys = read_keys(shards);
    std::optional<std::string_view> json = file.text(config_key);
    if (!json) return keys;
    Config whole = parse_config(*json, fmt::format("{}: {}", file.path().string(), config_key));
    return agrees(whole, keys) ? whole : keys;
}

void add_gguf_config(GgufMetadata& metadata, const Config& c) {
    auto add = [&metadata](std::string_view name, auto value) {
        metadata.add(fmt::format("{}.{}", architecture, name), value);
    };
    auto count = [](int64_t value) { return static_cast<uint32_t>(value); };
    metadata.add("general.architecture", architecture);
    add("vocab_size", count(c.vocabulary));
    add("context_length", count(c.context));
    add("embedding_length", count(c.dim));
    add("block_count", count(c.layers));
    add("feed_forward_length", count(c.ffn));
    add("attention.head_count", count(c.heads));
    add("attention.head_count_kv", count(c.kv_heads));
    add("attention.key_length", count(c.head_dim));
    add("attention.value_length", count(c.head_dim));
    add("attention.layer_norm_rms_epsilon", static_cast<float>(c.norm_epsilon));
    add("rope.dimension_count", count(c.head_dim));
    add("rope.freq_base", static_cast<float>(c.rope_theta));
    if (c.rope_scaling && (c.rope_scaling->kind == RopeKind::linear || c.rope_scaling->kind == RopeKind::yarn)) {
        const RopeScaling& r = *c.rope_scaling;
        add("rope.scaling.type", name_of(r.kind));
        add("rope.scaling.factor", static_cast<float>(r.factor));
        if (r.kind == RopeKind::yarn) {
            add("rope.scaling.original_context_length", count(r.original_context));
            add("rope.scaling.yarn_beta_fast", static_cast<float>(r.fast_rotations));
            add("rope.scaling.yarn_beta_slow", static_cast<float>(r.slow_rotations));
            if (r.attention_factor)
                add("rope.scaling.attn_factor", static_cast<float>(*r.attention_factor / yarn_attention(r.factor, 1)));
        }
    }
    if (c.rope_scaling && c.rope_scaling->kind == RopeKind::longrope) {
        add("rope.scaling.type", name_of(RopeKind::longrope));
        add("rope.scaling.original_context_length", count(c.rope_scaling->original_context));
        add("rope.scaling.attn_factor", rotary_frequencies(c, 0).attention_factor);
    }
    metadata.add(config_key, config_json(c, c.dtype.value_or(Dtype::f32)));
}

std::vector<RopeTensor> rope_tensors(const Config& config) {
    if (!config.rope_scaling) return {};
    const RopeScaling& r = *config.rope_scaling;
    auto floats = [](const std::vector<double>& values) { return std::vector<float>(values.begin(), values.end()); };
    if (r.kind == RopeKind::longrope && r.short_divisors != r.long_divisors)
        return {{std::string(long_name), floats(r.long_divisors)}, {std::string(short_name), floats(r.short_divisors)}};
    if (r.kind == RopeKind::longrope) return {{std::string(freqs_name), floats(r.long_divisors)}};
    if (r.kind != RopeKind::llama3) return {};
    Config plain = config;
    plain.rope_scaling.reset();
    std::vector<float> divisors = rotary_frequencies(plain, 0).values, scaled = rotary_frequencies(config, 0).values;
    for (size_t p = 0; p < divisors.size(); ++p) divisors[p] /= scaled[p];
    return {{std::string(freqs_name), std::move(divisors)}};
}

bool is_rope_tensor(std::string_view name) { return name == freqs_name || name == short_name || name == long_name; }

}  // namespace puna
