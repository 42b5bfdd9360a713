#include "infer/generation_config.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/fields.h"
#include "core/json_value.h"
#include "core/log.h"

#include <algorithm>
#include <map>

namespace puna {

namespace {

constexpr size_t max_stops = 64;

void add_stop(GenerationConfig& config, const JsonEvent& event, std::string_view path) {
    bool none = event.kind == JsonEvent::null || (event.kind == JsonEvent::integer && event.integer_value == -1);
    if (none) return;
    if (!event.is_whole_number()) fail("{}: 'eos_token_id' must be an integer or a list of integers", path);
    std::optional<int32_t> id = checked_cast<int32_t>(event.integer_value);
    if (event.kind != JsonEvent::integer || !id || *id < 0)
        fail("{}: 'eos_token_id' is {}, which is not a token id", path, printable(event.raw));
    if (config.stops.size() == max_stops) fail("{}: 'eos_token_id' has more than {} ids", path, max_stops);
    config.stops.push_back(*id);
}

void read_stops(GenerationConfig& config, const JsonValue& value, std::string_view path) {
    read_json(value.raw, path, [&](const JsonEvent& event) {
        bool list = event.depth == 0 && (event.kind == JsonEvent::begin_array || event.kind == JsonEvent::end_array);
        if (!list) add_stop(config, event, path);
    });
}

// Sampling parameters of a model that does not sample are not used, so they need not be valid; a penalty is.
void read_sample_option(Field& field, const JsonValue& value, bool do_sample, std::string_view path) {
    try {
        set_from_json(field, value);
    } catch (const Error& problem) {
        if (do_sample || field.name == "repetition_penalty") fail("{}: {}", path, problem.what());
    }
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

bool has_effect(const JsonValue& value, std::string_view neutral) {
    bool same_whole = neutral.ends_with(".0") && value.raw == neutral.substr(0, neutral.size() - 2);
    return value.raw != neutral && !same_whole;
}

}  // namespace

GenerationConfig parse_generation_config(std::string_view json, std::string_view path) {
    // Defaults of transformers' GenerationConfig.
    GenerationConfig config{.sample = {.temperature = 1, .top_p = 1, .top_k = 50}};
    std::vector<Field> known = list_fields(config.sample);
    std::erase_if(known, [](const Field& field) { return field.name == "seed"; });
    std::map<std::string, JsonValue, std::less<>> values;  // of duplicates the last one counts, as in Python's json
    auto is_known = [&known](std::string_view name) {
        auto has_name = [name](const auto& field) { return field.name == name; };
        return name == "do_sample" || name == "eos_token_id" || std::any_of(known.begin(), known.end(), has_name) ||
               std::any_of(std::begin(unsupported_fields), std::end(unsupported_fields), has_name);
    };
    bool object = for_each_member(json, path, [&](std::string_view name, const JsonValue& value) {
        if (is_known(name)) values.insert_or_assign(std::string(name), value);
    });
    if (!object) fail("{}: not a JSON object", path);
    std::erase_if(values, [](const auto& member) { return member.second.kind == JsonEvent::null; });
    std::string ignored;
    for (const UnsupportedField& field : unsupported_fields)
        if (auto value = values.find(field.name); value != values.end() && has_effect(value->second, field.neutral))
            ignored += fmt::format("{}{}", ignored.empty() ? "" : ", ", field.name);
    if (!ignored.empty()) log_warning("{}: ignored, because not supported: {}", path, ignored);

    auto sampling = values.find("do_sample"), eos = values.find("eos_token_id");
    if (sampling != values.end() && sampling->second.kind != JsonEvent::boolean)
        fail("{}: 'do_sample' must be true or false", path);
    bool do_sample = sampling != values.end() && sampling->second.raw == "true";
    for (Field& field : known)
        if (auto value = values.find(field.name); value != values.end())
            read_sample_option(field, value->second, do_sample, path);
    if (eos != values.end()) read_stops(config, eos->second, path);
    if (!do_sample) config.sample.temperature = 0;
    return config;
}

}  // namespace puna
