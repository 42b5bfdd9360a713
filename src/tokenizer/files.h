// tokenizer/files.h — loads and saves tokenizers.
//
//   Tokenizer tokenizer = load_tokenizer("models/starter");     // or a tokenizer.json, a tokenizer.model, a GGUF file
//   save_tokenizer(tokenizer, "out");                           // writes tokenizer.json there
//
// In a folder tokenizer.json is preferred to tokenizer.model, which is SentencePiece's or a rank file. The names of a
// rank file's control tokens depend on Meta's params.json beside it, the added tokens of SentencePiece's on Hugging
// Face's files. For chat templates and tokenizer_config.json see tokenizer/chat_template_files.h. Throws Error
// with the path and the reason.
#pragma once
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <filesystem>

namespace puna {

// rows: of the model's embedding, which limit the control tokens of a rank file; 0: as its params.json says.
Tokenizer load_tokenizer(const std::filesystem::path& path, int64_t rows = 0);
void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder);

// Writes tokenizer.model there: a rank file or SentencePiece's. Throws Error if the format cannot express the
// vocabulary.
void save_tokenizer_model(const Tokenizer& tokenizer, const std::filesystem::path& folder);

}  // namespace puna
