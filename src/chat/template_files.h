// chat/template_files.h — the chat template of a model, or Llama's for a vocabulary of Llama's without one.
//
//   ChatTemplateText found = find_chat_template("models/starter", tokenizer);     // a path as for load_tokenizer
//   ChatTemplate chat(found);                                                     // throws Error if there is none
//
// For the files see tokenizer/chat_template_files.h.
#pragma once
#include "chat/chat_template.h"
#include "tokenizer/tokenizer.h"

#include <filesystem>

namespace puna {

// As read_chat_template, else Llama's own.
ChatTemplateText find_chat_template(const std::filesystem::path& path, const Tokenizer& tokenizer);

// What was found; where that is no template, Llama 3.1's or 3's if the tokenizer has Llama 3's control tokens (with or
// without <|eom_id|>), Llama 2's for a SentencePiece vocabulary with <s> and </s>.
ChatTemplateText with_llama_template(ChatTemplateText found, const Tokenizer& tokenizer);

// Llama 3's template with the tokenizer's special tokens; without text if it lacks Llama 3's control tokens.
ChatTemplateText llama3_chat_template(const Tokenizer& tokenizer);

}  // namespace puna
