// tokenizer/files.h — tokenizers on disk.
//
//   Tokenizer tokenizer = load_tokenizer("models/starter");     // or a tokenizer.json, or a tokenizer.model
//   save_tokenizer(tokenizer, "out");                           // writes tokenizer.json, tokenizer_config.json there
//
// A folder's tokenizer.json goes before its tokenizer.model. What prompt the model knows is read from the file beside
// it: the chat template in tokenizer_config.json, or Meta's params.json; without one, from the names of the control
// tokens. Throws Error with the path and what is wrong.
#pragma once
#include "tokenizer/tokenizer.h"

#include <filesystem>

namespace puna {

Tokenizer load_tokenizer(const std::filesystem::path& path);
void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder);

}  // namespace puna
