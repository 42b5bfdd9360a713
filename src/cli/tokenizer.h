// cli/tokenizer.h — the commands of `puna tokenizer` that have files of their own.
#pragma once
#include "cli/command.h"

#include <string_view>

namespace puna {

// What a positional TOKENIZER is.
inline constexpr std::string_view tokenizer_help = "model, tokenizer.json or tokenizer.model";

int run_tokenizer_encode(Arguments);
int run_tokenizer_decode(Arguments);
int run_tokenizer_show(Arguments);

}  // namespace puna
