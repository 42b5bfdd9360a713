// cli/talk.h — what generate and chat share.
#pragma once
#include "cli/flags.h"
#include "infer/load.h"

#include <string>

namespace puna {

// What the model's makers advise, and over it what the flags have said.
GenerateOptions advised(const Engine& engine, const Flags& flags, GenerateOptions said);

std::string speed_line(const Answer& answer);   // "42 tokens, 1234 tokens/s"
std::string answer_json(const Answer& answer);  // on one line

}  // namespace puna
