// tokenizer/chat_template_files.h — the chat template beside a tokenizer, as text: reads and writes it.
//
//   ChatTemplateText found = read_chat_template("models/starter", tokenizer);     // a path as for load_tokenizer
//   save_chat_template(found, tokenizer, "out");
//
// The first that exists: chat_template.jinja, `chat_template` in tokenizer_config.json (a string, or a list of named
// templates, of which `default` and `tool_use` are used), chat_template.json.
// additional_chat_templates/tool_use.jinja is for conversations with tools. bos_token, eos_token and the like are those
// of special_tokens_map.json, else of tokenizer_config.json (first if it has added_tokens_decoder), else of the
// tokenizer. What a template means: chat/chat_template.h. Source: transformers'
// PreTrainedTokenizerBase.from_pretrained.
#pragma once
#include "tokenizer/tokenizer.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace puna {

// The source of a template with its special tokens, not parsed yet.
struct ChatTemplateText {
    std::string origin;     // its file, or the folder that has none: begins error messages
    std::string text;       // Jinja2; empty: the model has no template
    std::string tool_text;  // the `tool_use` template, for conversations with tools; empty: text is for these too.
                            // A model may have only this one
    std::string tool_origin;
    std::vector<std::pair<std::string, std::string>> tokens;  // bos_token, eos_token and the like, with their text
    bool has_other_names = false;                             // its templates have names that are not used
    bool is_built_in = false;                                 // one of Llama's, because the model has none of its own
    std::string problem;                                      // why its template cannot be read; empty: it can
};

// Without a template the text is empty, and a template that cannot be read is a `problem`: ChatTemplate refuses both,
// and text without conversations needs neither. Throws Error for a damaged tokenizer_config.json,
// special_tokens_map.json or chat_template.json, by name and field, also if `chat_template` is neither a string nor
// such a list.
ChatTemplateText read_chat_template(const std::filesystem::path& path, const Tokenizer& tokenizer);

// A template alone, in a file of any name, without special tokens. Throws Error that names it if it is no UTF-8 text.
ChatTemplateText read_template_file(const std::filesystem::path& path);

// Without a template: the tokenizer's special tokens.
ChatTemplateText special_tokens_of(const Tokenizer& tokenizer);

void set_special_token(ChatTemplateText& found, std::string_view name, std::string_view token);

// For a model of text without conversations: no template, and eos_token is what ends a text.
ChatTemplateText text_only(const ChatTemplateText& found, const Tokenizer& tokenizer);

// Writes tokenizer_config.json, and chat_template.jinja if there is a template without tool_text. A pad_token, which
// transformers' Trainer requires, is the tokenizer's if `found` has none; never one that ends something, since Trainer
// takes padding out of the loss. The folder must exist.
void save_chat_template(const ChatTemplateText& found, const Tokenizer& tokenizer, const std::filesystem::path& folder);

}  // namespace puna
