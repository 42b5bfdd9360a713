// cli/answer.h — options, notes and output that `puna generate` and `puna chat` share.
#pragma once
#include "cli/flags.h"
#include "library/load.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// The sampling defaults of the model's generation_config.json, overridden by the flags that were given. In stop texts
// \n, \t and \\ are a newline, a tab and a backslash.
GenerateOptions with_model_defaults(const Engine& engine, const Flags& flags, GenerateOptions requested);

// \n, \t and \\ in stop texts, as above; of those that were typed.
void unescape_stops(GenerateOptions& options);

// Options without effect, of those that were given: one line for each, which begins with the field's name. Throws Error
// if max_tokens leaves no room for a prompt in the context.
std::vector<FieldNote> notes_on(const GenerateOptions& options, const Engine& engine,
                                const std::function<bool(std::string_view)>& given);
std::vector<FieldNote> notes_on(const GenerateOptions& options, const Engine& engine, const Flags& flags);

// Why every answer is the same: "a temperature of 0 always picks the most likely token"; empty: they are sampled.
std::string_view why_greedy(const SampleOptions& sample);

int64_t seed_after(int64_t seed, int64_t n);  // the n-th after it; after the largest comes 0

std::string speed_line(const Answer& answer);  // "42 tokens, 1234 tokens/s"
// A JSON object on one line; prompt: what the answer continues, if that is to be in it.
std::string answer_json(const Answer& answer, std::optional<std::string_view> prompt = {});

}  // namespace puna
