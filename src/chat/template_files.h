// chat/template_files.h — the chat template that lies beside a tokenizer, and writing it there.
//
//   ChatTemplateText found = find_chat_template("models/starter", tokenizer);     // a path as for load_tokenizer
//   ChatTemplate chat(found);                                                     // throws where there is none
//   save_chat_template(found, "out");
//
// Looked for in this order: chat_template.jinja (with additional_chat_templates/tool_use.jinja), `chat_template` in
// tokenizer_config.json (a text, or a list of named ones, of which `default` and `tool_use` are taken),
// chat_template.json. A Llama 3 vocabulary without any has Llama's own. bos_token, eos_token and their like are those
// of tokenizer_config.json, else of special_tokens_map.json, else of the tokenizer.
#pragma once
#include "chat/chat_template.h"
#include "tokenizer/tokenizer.h"

#include <filesystem>

namespace puna {

// Without a template the text is empty, and ChatTemplate refuses it. Throws Error for files that are damaged.
ChatTemplateText find_chat_template(const std::filesystem::path& path, const Tokenizer& tokenizer);

// Llama 3's own with the tokenizer's tokens; without text if that lacks the control tokens.
ChatTemplateText llama3_chat_template(const Tokenizer& tokenizer);

// Writes tokenizer_config.json, and chat_template.jinja if there is a template. The folder is there.
void save_chat_template(const ChatTemplateText& found, const std::filesystem::path& folder);

}  // namespace puna
