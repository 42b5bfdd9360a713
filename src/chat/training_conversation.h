// chat/training_conversation.h — a conversation of training data, in any of the formats in which it is written.
//
//   JsonDocument line(R"({"instruction": "Add 2 and 3.", "output": "5"})", "a.jsonl:7", message_limits);
//   std::optional<TrainingConversation> conversation = read_training_conversation(line.root());
//   bool is_text = !conversation;
//
// messages (chat/messages.h); ShareGPT's conversations; Alpaca's instruction, input and output; prompt and completion
// (or response), texts or lists of messages. All become messages, so that whatever follows is the same for each of
// them. What would change the prompt or the loss and is not understood is rejected by name. docs/data.md lists the
// fields.
#pragma once
#include "chat/message.h"
#include "core/json_document.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct TrainingConversation {
    std::vector<Message> messages;
    std::vector<std::string> tools;  // definitions, as JSON
    std::string variables;           // of the template: chat_template_kwargs, as JSON; empty without it
};

// None if the object has the fields of no format, or if text_field is one of them: the text is meant. Throws Error that
// names the path; also if text_field is there beside a conversation.
std::optional<TrainingConversation> read_training_conversation(const JsonNode& object,
                                                               std::string_view text_field = {});

// What an object without a conversation holds instead, for messages: "preference pairs (chosen, rejected)"; empty:
// nothing that is known.
std::string_view unsupported_format(const JsonNode& object);

}  // namespace puna
