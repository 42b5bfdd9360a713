// data/jsonl.h — a line of JSONL: a text, or a conversation.
//
//   JsonlDocument document = parse_jsonl(line, "chat.jsonl:17", "text");
//   bool is_text = document.messages.empty();
//
// A conversation has `messages`, each with a role (system, user, assistant, tool, ipython) and `content`, and perhaps
// `tools`. Calls of tools are read in OpenAI's form (`tool_calls`) and as {"tool_call": {"method", "parameters"}}; what
// a tool answers may be any JSON. `weight` (0 or 1), `train`, `train_on_turn` and `loss` say whether an assistant's
// message is in the loss. Fields that would change what is learned in ways that are not supported are refused by name;
// all others are passed over, whatever they hold. Throws Error, beginning with the place.
#pragma once
#include "chat/message.h"

#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct JsonlDocument {
    std::string text;
    std::vector<Message> messages;   // empty: a text
    std::vector<std::string> tools;  // JSON
};

JsonlDocument parse_jsonl(std::string_view line, std::string_view place, std::string_view text_field);

}  // namespace puna
