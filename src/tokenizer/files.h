// tokenizer/files.h — loads and saves tokenizers.
//
//   Tokenizer tokenizer = load_tokenizer("models/starter");     // or a tokenizer.json, or a tokenizer.model
//   save_tokenizer(tokenizer, "out");                           // writes tokenizer.json there
//
// In a folder tokenizer.json is preferred to tokenizer.model; the names of the latter's control tokens depend on Meta's
// params.json beside it. For chat templates and tokenizer_config.json see tokenizer/chat_template_files.h. Throws Error
// with the path and the reason.
#pragma once
#include "tokenizer/tokenizer.h"

#include <filesystem>

namespace puna {

Tokenizer load_tokenizer(const std::filesystem::path& path);
void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder);

}  // namespace puna
