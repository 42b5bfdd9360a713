// cli/answer.h — what generate and chat share.
#pragma once
#include "cli/flags.h"
#include "infer/load.h"

#include <string>
#include <vector>

namespace puna {

// What the model's makers advise, and over it what the flags have said.
GenerateOptions with_model_defaults(const Engine& engine, const Flags& flags, GenerateOptions said);

// What contradicts the rest of the options: a line for each, beginning with the field. Throws Error where no answer
// fits the context.
std::vector<std::string> notes_on(const GenerateOptions& options, const Engine& engine, const Flags& flags);

std::string speed_line(const Answer& answer);   // "42 tokens, 1234 tokens/s"
std::string answer_json(const Answer& answer);  // on one line

}  // namespace puna
