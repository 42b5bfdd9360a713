// cli/answer.h — options, notes and output that `puna generate` and `puna chat` share.
#pragma once
#include "cli/flags.h"
#include "library/load.h"

#include <string>
#include <vector>

namespace puna {

// The sampling defaults of the model's generation_config.json, overridden by the flags that were given.
GenerateOptions with_model_defaults(const Engine& engine, const Flags& flags, GenerateOptions requested);

// Options without effect: one line for each, which begins with the field's name. Throws Error if max_tokens leaves no
// room for a prompt in the context.
std::vector<FieldNote> notes_on(const GenerateOptions& options, const Engine& engine, const Flags& flags);

std::string speed_line(const Answer& answer);   // "42 tokens, 1234 tokens/s"
std::string answer_json(const Answer& answer);  // a JSON object on one line

}  // namespace puna
