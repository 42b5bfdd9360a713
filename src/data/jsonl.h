// data/jsonl.h — parses a line of JSONL: a text or a conversation.
//
//   JsonlDocument document = parse_jsonl(line, "chat.jsonl:17", "text");
//   bool is_text = document.messages.empty();
//
// A conversation has `messages` (chat/messages.h) and optionally `tools` and `chat_template_kwargs`. `weight` and the
// like (chat/loss_fields.h) select whether an assistant message is in the loss. Fields that would affect training but
// are not supported are rejected by name; other fields of messages and calls go to the template, others of the line are
// ignored. Throws Error, beginning with `location`.
#pragma once
#include "chat/message.h"

#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct JsonlDocument {
    std::string text;
    std::vector<Message> messages;   // empty for a text
    std::vector<std::string> tools;  // tool definitions, as JSON
    std::string variables;           // of the template: chat_template_kwargs, as JSON; empty without it
};

JsonlDocument parse_jsonl(std::string_view line, std::string_view location, std::string_view text_field);

}  // namespace puna
