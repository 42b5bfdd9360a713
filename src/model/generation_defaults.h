// model/generation_defaults.h — how a model recommends to sample, and its stop tokens: generation_config.json.
//
//   GenerationDefaults defaults = parse_generation_defaults(json, path);
//
// Fields: do_sample, eos_token_id (one id or a list), exponential_decay_length_penalty ([start, factor]), and those of
// SampleOptions but the seed; others are ignored. Missing ones have the defaults of transformers' GenerationConfig: no
// sampling (temperature 0); with do_sample temperature 1, top_p 1 and top_k 50. A model without the file has the
// defaults of SampleOptions.
#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct SampleOptions {
    float temperature = 0.6f, top_p = 0.9f;  // the defaults of Meta's generation.py
    int top_k = 0;
    float min_p = 0, repetition_penalty = 1, frequency_penalty = 0, presence_penalty = 0;
    float dry_multiplier = 0, dry_base = 1.75f;  // the defaults of llama.cpp
    int dry_allowed_length = 2;
    int64_t length_penalty_start = 0;  // exponential_decay_length_penalty of transformers
    float length_penalty_factor = 1;
    std::optional<int64_t> seed;

    bool operator==(const SampleOptions&) const = default;
};
template <class F>
void fields(SampleOptions& o, F field) {
    field.group("Sampling");
    field("temperature", o.temperature,
          "divide the logits by this: lower is more predictable; 0 = always the most likely token",
          {.min = 0, .max = 100});
    field("top_p", o.top_p, "nucleus sampling: keep the most likely tokens up to this total probability; 1 = off",
          {.min = 0, .max = 1, .above_min = true});
    field("top_k", o.top_k, "keep only the N most likely tokens", {.min = 0, .unset = "off"});
    field("min_p", o.min_p, "drop tokens less likely than this fraction of the top token's probability",
          {.min = 0, .max = 1, .unset = "off"});
    field("repetition_penalty", o.repetition_penalty, "values above 1 make the last 64 tokens less likely",
          {.min = 0, .max = 100, .above_min = true, .unset = "off"});
    field("frequency_penalty", o.frequency_penalty,
          "subtract this from a token's logit for each time that the answer contains it",
          {.min = -2, .max = 2, .unset = "off"});
    field("presence_penalty", o.presence_penalty, "subtract this from the logits of all tokens in the answer",
          {.min = -2, .max = 2, .unset = "off"});
    field("dry_multiplier", o.dry_multiplier,
          "DRY: penalize a token that continues a repeated sequence of the answer; 0.8 is usual",
          {.min = 0, .max = 100, .unset = "off"});
    field("dry_base", o.dry_base, "DRY: each further repeated token multiplies the penalty by this",
          {.min = 1, .max = 100});
    field("dry_allowed_length", o.dry_allowed_length, "DRY: the shortest sequence, in tokens, that is penalized",
          {.min = 1, .max = 64});
    field("length_penalty_start", o.length_penalty_start, "tokens of the answer before the length penalty begins",
          {.min = 0});
    field("length_penalty_factor", o.length_penalty_factor,
          "values above 1 make the answer's end more likely with each token after the start",
          {.min = 0, .max = 100, .above_min = true, .unset = "off"});
    field("seed", o.seed, "random seed: the same seed gives the same text", {.min = 0, .unset = "from the clock"});
}

struct GenerationDefaults {
    SampleOptions sample;
    std::vector<int32_t> stops;  // token ids >= 0, at most 64; empty: the file names none
};

// Throws Error "path: ..." for invalid JSON and for fields of the wrong type or out of range, and
// for stops outside of the vocabulary. Source: transformers.
GenerationDefaults parse_generation_defaults(std::string_view json, std::string_view path,
                                             int64_t vocabulary = std::numeric_limits<int32_t>::max());

struct Config;  // model/config.h

// generation_config.json: the settings of the base model's, else Meta's sampling defaults; with the ids of the config.
// base: the text of such a file; a damaged one counts as none.
std::string generation_config_json(const Config& config, std::string_view base);

}  // namespace puna
