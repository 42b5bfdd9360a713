#include "model/rope_scaling.h"

#include "model/config.h"

#include <algorithm>

namespace puna {

namespace {

constexpr double max_factor = 1e6;
constexpr std::string_view kind_names[] = {"linear", "dynamic", "yarn", "llama3", "longrope"};

RopeKind kind_named(std::string_view name, JsonNode settings) {
    if (name == "su") name = "longrope";  // its name in the first models that had it
    const auto* found = std::find(std::begin(kind_names), std::end(kind_names), name);
    if (found == std::end(kind_names))
        fail(ErrorKind::unsupported,
             "{}: the scaling of rotary frequencies '{}' (rope_type) is not supported, only linear, dynamic, yarn, "
             "llama3 and longrope",
             settings.place(), printable(name));
    return static_cast<RopeKind>(found - std::begin(kind_names));
}

void reject_untyped(JsonNode settings) {
    for (const char* key : {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"})
        if (std::optional<JsonNode> value = settings.find(key))
            value->reject(fmt::format("is set but '{}.rope_type' is missing", settings.path()));
}

// What is missing or null follows from the two contexts.
double factor_of(JsonNode settings, const Config& config, const RopeScaling& scaling) {
    bool follows = scaling.kind == RopeKind::yarn || scaling.kind == RopeKind::longrope;
    if (settings.find("factor") || !follows) return settings.need("factor").number();
    return static_cast<double>(config.context) / static_cast<double>(std::max<int64_t>(scaling.original_context, 1));
}

std::vector<double> divisors_of(JsonNode settings, std::string_view name, const Config& config) {
    JsonNode list = settings.need(name);
    std::vector<double> divisors;
    std::vector<JsonNode> items = list.items();
    if (static_cast<int64_t>(items.size()) != config.head_dim / 2)
        list.reject(
            fmt::format("has {} numbers; heads of {} need {}", items.size(), config.head_dim, config.head_dim / 2));
    for (JsonNode item : items) {
        divisors.push_back(item.number());
        if (!(divisors.back() >= 1 / max_factor && divisors.back() < max_factor))
            item.reject(fmt::format("is {}; it must be 1e-6 or more and below 1e6", divisors.back()));
    }
    return divisors;
}

std::optional<double> attention_factor_in(JsonNode settings, const RopeScaling& scaling) {
    if (std::optional<JsonNode> given = settings.find("attention_factor")) return given->number();
    double scale = settings.number("mscale", 0), all = settings.number("mscale_all_dim", 0);
    if (scaling.kind != RopeKind::yarn || scale == 0 || all == 0) return {};
    return yarn_attention(scaling.factor, scale) / yarn_attention(scaling.factor, all);
}

double nonzero(JsonNode settings, std::string_view name, double fallback) {
    double value = settings.number(name, fallback);
    return value == 0 ? fallback : value;
}

void validate_llama3(const RopeScaling& r, std::string_view source) {
    if (!(r.low_frequency_factor > 0 && r.high_frequency_factor > r.low_frequency_factor &&
          r.high_frequency_factor < max_factor))
        fail(ErrorKind::damaged,
             "{}: RoPE scaling 'low_freq_factor' is {} and 'high_freq_factor' {}; they must satisfy 0 < low < high "
             "< 1e6",
             source, r.low_frequency_factor, r.high_frequency_factor);
}

void validate_yarn(const Config& c, std::string_view source) {
    const RopeScaling& r = *c.rope_scaling;
    if (!(r.slow_rotations > 0 && r.fast_rotations >= r.slow_rotations && r.fast_rotations < max_factor))
        fail(ErrorKind::damaged,
             "{}: RoPE scaling 'beta_slow' is {} and 'beta_fast' {}; they must satisfy 0 < slow <= fast < 1e6", source,
             r.slow_rotations, r.fast_rotations);
    if (c.rope_theta == 1)
        fail(ErrorKind::damaged, "{}: 'rope_theta' is 1; with the RoPE scaling yarn it must be above 1", source);
}

}  // namespace

std::string_view name_of(RopeKind kind) { return kind_names[static_cast<size_t>(kind)]; }

std::optional<RopeScaling> read_rope_scaling(JsonNode root, JsonNode settings, const Config& config) {
    if (!settings.find("rope_type") && !settings.find("type")) reject_untyped(settings);
    std::string type = settings.find("rope_type") ? settings.text("rope_type", "") : settings.text("type", "default");
    if (type == "default") return {};
    RopeScaling scaling{.kind = kind_named(type, settings)};
    int64_t nested = settings.integer("original_max_position_embeddings", config.context);
    scaling.original_context = root.integer("original_max_position_embeddings", nested);
    scaling.factor = factor_of(settings, config, scaling);
    scaling.attention_factor = attention_factor_in(settings, scaling);
    if (scaling.kind == RopeKind::llama3) {
        scaling.low_frequency_factor = settings.need("low_freq_factor").number();
        scaling.high_frequency_factor = settings.need("high_freq_factor").number();
    }
    if (scaling.kind == RopeKind::yarn) {
        scaling.fast_rotations = nonzero(settings, "beta_fast", 32);
        scaling.slow_rotations = nonzero(settings, "beta_slow", 1);
        scaling.whole_pairs = settings.boolean("truncate", true);
    }
    if (scaling.kind == RopeKind::longrope) {
        scaling.short_divisors = divisors_of(settings, "short_factor", config);
        scaling.long_divisors = divisors_of(settings, "long_factor", config);
    }
    return scaling;
}

JsonText rope_scaling_json(const std::optional<RopeScaling>& scaling) {
    if (!scaling) return nullptr;
    const RopeScaling& r = *scaling;
    JsonObject json{{"rope_type", name_of(r.kind)}, {"factor", r.factor}};
    if (r.kind == RopeKind::llama3) {
        json.add("low_freq_factor", r.low_frequency_factor);
        json.add("high_freq_factor", r.high_frequency_factor);
    }
    if (r.kind == RopeKind::longrope) {
        json.add("short_factor", r.short_divisors);
        json.add("long_factor", r.long_divisors);
    }
    if (r.kind != RopeKind::linear && r.kind != RopeKind::dynamic)
        json.add("original_max_position_embeddings", r.original_context);
    if (r.kind == RopeKind::yarn) {
        json.add("beta_fast", r.fast_rotations);
        json.add("beta_slow", r.slow_rotations);
        json.add("truncate", r.whole_pairs);
    }
    bool has_attention = r.kind == RopeKind::yarn || r.kind == RopeKind::longrope;
    if (has_attention && r.attention_factor) json.add("attention_factor", *r.attention_factor);
    return json;
}

void validate_rope(const Config& c, std::string_view source) {
    if (!(c.rope_theta >= 1 && c.rope_theta < 1e12))
        fail(ErrorKind::damaged, "{}: 'rope_theta' is {}; it must be 1 or more and below 1e12", source, c.rope_theta);
    if (!c.rope_scaling) return;
    const RopeScaling& r = *c.rope_scaling;
    int64_t min_context = r.kind == RopeKind::longrope ? 2 : 1;
    if (r.original_context < min_context || r.original_context > ConfigLimits::context)
        fail(ErrorKind::damaged, "{}: 'original_max_position_embeddings' is {}; it must be {} to {}", source,
             r.original_context, min_context, ConfigLimits::context);
    double min_factor = r.kind == RopeKind::longrope ? 0 : 1;
    if (!(r.factor >= min_factor && r.factor < max_factor))
        fail(ErrorKind::damaged, "{}: RoPE scaling 'factor' is {}; it must be {} or more and below 1e6", source,
             r.factor, min_factor);
    if (double attention = r.attention_factor.value_or(1); !(attention > 0 && attention < max_factor))
        fail(ErrorKind::damaged, "{}: RoPE scaling 'attention_factor' is {}; it must be above 0 and below 1e6", source,
             attention);
    if (r.kind == RopeKind::llama3) validate_llama3(r, source);
    if (r.kind == RopeKind::yarn) validate_yarn(c, source);
    if (r.kind == RopeKind::dynamic && c.head_dim < 4)
        fail(ErrorKind::damaged, "{}: head_dim is {}; with dynamic RoPE scaling it must be 4 or more", source,
             c.head_dim);
}

}  // namespace puna
