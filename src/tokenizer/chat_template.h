// tokenizer/chat_template.h — the prompts of Llama 3, 3.1, 3.2 and 3.3 by name, and as Jinja text for other programs.
//
//   chat_template(ChatFormat::llama3_1)         // goes into tokenizer_config.json; gives what encode_chat gives
//
// We never run Jinja ourselves: see tokenizer/chat.h.
#pragma once
#include "tokenizer/vocabulary.h"

#include <optional>
#include <string>
#include <string_view>

namespace puna {

std::string_view name_of(ChatFormat format);  // "llama3_1"
std::optional<ChatFormat> find_chat_format(std::string_view name);
bool has_builtin_tools(ChatFormat format);  // that are called in Python's form

std::string chat_template(ChatFormat format);

// Which of the four a template of another program's file means, by what it says.
ChatFormat recognise_chat_template(std::string_view jinja);

}  // namespace puna
