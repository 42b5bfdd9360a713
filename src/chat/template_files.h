// chat/template_files.h — reads and writes the chat template of a model folder.
//
//   ChatTemplateText found = find_chat_template("models/starter", tokenizer);     // a path as for load_tokenizer
//   ChatTemplate chat(found);                                                     // throws Error if there is none
//   save_chat_template(found, "out");
//
// The first that exists: chat_template.jinja, `chat_template` in tokenizer_config.json (a string, or a list of named
// templates, of which `default` and `tool_use` are used), chat_template.json; for a vocabulary with Llama 3's control
// tokens, Llama's own template. additional_chat_templates/tool_use.jinja is for conversations with tools. bos_token,
// eos_token and the like are those of special_tokens_map.json, else of tokenizer_config.json (first if it has
// added_tokens_decoder), else of the tokenizer.
// Source: transformers' PreTrainedTokenizerBase.from_pretrained.
#pragma once
#include "chat/chat_template.h"
#include "tokenizer/tokenizer.h"

#include <filesystem>

namespace puna {

// Without a template the text is empty, and a template that cannot be read is a `problem`: ChatTemplate refuses both,
// and text without conversations needs neither. Throws Error for a damaged tokenizer_config.json or
// special_tokens_map.json, by name.
ChatTemplateText find_chat_template(const std::filesystem::path& path, const Tokenizer& tokenizer);

// Llama 3's template with the tokenizer's special tokens; without text if it lacks Llama 3's control tokens.
ChatTemplateText llama3_chat_template(const Tokenizer& tokenizer);

// Writes tokenizer_config.json, and chat_template.jinja if there is a template without tool_text. The folder must
// exist.
void save_chat_template(const ChatTemplateText& found, const std::filesystem::path& folder);

}  // namespace puna
