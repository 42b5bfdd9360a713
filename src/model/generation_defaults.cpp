#include "model/generation_defaults.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/fields.h"
#include "core/json_document.h"
#include "core/json_text.h"
#include "core/log.h"
#include "model/config.h"

#include <optional>
#include <string>

namespace puna {

namespace {

constexpr size_t max_stops = 64;

std::vector<int32_t> stops_of(JsonNode value, int64_t vocabulary) {
    std::vector<int32_t> stops;
    for (JsonNode item : value.is_array() ? value.items() : std::vector{value}) {
        bool none = item.is_null() || item.raw() == "-1";
        if (none) continue;
        if (!item.is_whole_number()) value.reject("must be an integer or a list of integers");
        std::optional<int32_t> id = checked_cast<int32_t>(item.try_integer().value_or(-1));
        if (!id || *id < 0) value.reject(fmt::format("is {}, which is not a token id", printable(item.raw())));
        if (*id >= vocabulary)
            item.reject(fmt::format("is {}; the vocabulary has token ids 0 to {}", *id, vocabulary - 1));
        if (stops.size() == max_stops) value.reject(fmt::format("has more than {} ids", max_stops));
        stops.push_back(*id);
    }
    return stops;
}

// Sampling parameters of a model that does not sample are not used, so they need not be valid; a penalty is.
bool is_used(std::string_view name, bool do_sample) {
    return do_sample || name.starts_with("dry_") || name.find("_penalty") != std::string_view::npos;
}

void read_sample_option(Field& field, JsonNode value, bool do_sample) {
    try {
        set_from_json(field, value, ErrorKind::damaged);
    } catch (const Error&) {
        if (is_used(field.name, do_sample)) throw;
    }
}

void set_from_item(Field& field, JsonNode item) {
    try {
        set_from_text(field, item.raw());
    } catch (const Error& error) {
        item.reject(fmt::format("is invalid: {}", error.what()));
    }
}

// [start, factor]
void read_length_penalty(std::vector<Field>& fields, JsonNode value) {
    std::vector<JsonNode> pair = value.is_array() ? value.items() : std::vector<JsonNode>();
    if (pair.size() != 2) value.reject("must be a list of a start and a factor");
    set_from_item(find_field(fields, "length_penalty_start", ""), pair[0]);
    set_from_item(find_field(fields, "length_penalty_factor", ""), pair[1]);
}

// Fields that change the text and are not supported, with the values that have no effect.
struct UnsupportedField {
    std::string_view name, neutral;
};
constexpr UnsupportedField unsupported_fields[] = {{"no_repeat_ngram_size", "0"},
                                                   {"num_beams", "1"},
                                                   {"stop_strings", "[]"},
                                                   {"min_length", "0"},
                                                   {"min_new_tokens", "0"},
                                                   {"suppress_tokens", "[]"},
                                                   {"bad_words_ids", "[]"},
                                                   {"forced_bos_token_id", "-"},
                                                   {"forced_eos_token_id", "-"},
                                                   {"typical_p", "1.0"},
                                                   {"epsilon_cutoff", "0.0"},
                                                   {"eta_cutoff", "0.0"},
                                                   {"sequence_bias", "{}"},
                                                   {"penalty_alpha", "0.0"},
                                                   {"begin_suppress_tokens", "[]"},
                                                   {"guidance_scale", "1.0"},
                                                   {"top_h", "-"},
                                                   {"encoder_repetition_penalty", "1.0"}};

bool has_effect(JsonNode value, std::string_view neutral) {
    bool same_whole = neutral.ends_with(".0") && value.raw() == neutral.substr(0, neutral.size() - 2);
    return value.raw() != neutral && !same_whole;
}

void warn_about_unsupported(JsonNode root, std::string_view path) {
    std::string ignored;
    for (const UnsupportedField& field : unsupported_fields)
        if (std::optional<JsonNode> value = root.find(field.name); value && has_effect(*value, field.neutral))
            ignored += fmt::format("{}{}", ignored.empty() ? "" : ", ", field.name);
    if (!ignored.empty()) log_warning("{}: ignored, because not supported: {}", path, ignored);
}

}  // namespace

GenerationDefaults parse_generation_defaults(std::string_view json, std::string_view path, int64_t vocabulary) {
    JsonDocument document(json, path, model_json_limits);
    JsonNode root = document.root();
    warn_about_unsupported(root, path);
    // Defaults of transformers' GenerationConfig.
    GenerationDefaults defaults{.sample = {.temperature = 1, .top_p = 1, .top_k = 50}};
    bool do_sample = root.boolean("do_sample", false);
    std::vector<Field> fields = list_fields(defaults.sample);
    for (Field& field : fields)
        if (std::optional<JsonNode> value = root.find(field.name); value && field.name != "seed")
            read_sample_option(field, *value, do_sample);
    if (std::optional<JsonNode> pair = root.find("exponential_decay_length_penalty"))
        read_length_penalty(fields, *pair);
    if (std::optional<JsonNode> eos = root.find("eos_token_id")) defaults.stops = stops_of(*eos, vocabulary);
    if (!do_sample) defaults.sample.temperature = 0;
    return defaults;
}

std::string generation_config_json(const Config& config, std::string_view base) {
    JsonText bos = nullptr;
    if (config.bos >= 0) bos = config.bos;
    std::vector<JsonObject::Member> ids{{"bos_token_id", bos}, {"eos_token_id", config.eos}};
    if (config.pad >= 0) ids.push_back({"pad_token_id", config.pad});
    auto with_ids = [&](std::string_view json) {
        JsonDocument document(json, "generation_config.json");
        JsonObject changed = with_members(document.root(), ids);
        return indent_json(changed.text(), 2) + "\n";
    };
    try {
        return with_ids(base);
    } catch (const Error&) {  // none, or a damaged one, which must not end a run at its last step
        return with_ids(R"({"do_sample": true, "temperature": 0.6, "top_p": 0.9, "top_k": 0})");
    }
}

}  // namespace puna
