// tokenizer/files.h — tokenizers on disk.
//
//   Tokenizer tokenizer = load_tokenizer("models/starter");     // or a tokenizer.json, or a tokenizer.model
//   save_tokenizer(tokenizer, "out");                           // writes tokenizer.json there
//
// A folder's tokenizer.json goes before its tokenizer.model, whose control tokens have the names that Meta's
// params.json beside it implies. The chat template, and tokenizer_config.json: chat/template_files.h. Throws Error with
// the path and what is wrong.
#pragma once
#include "tokenizer/tokenizer.h"

#include <filesystem>

namespace puna {

Tokenizer load_tokenizer(const std::filesystem::path& path);
void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder);

}  // namespace puna
