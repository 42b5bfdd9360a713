// chat/messages.h — messages as JSON, in OpenAI's form: the one reader and writer, for training data, saved
// conversations and requests.
//
//   JsonDocument file(R"({"messages": [{"role": "user", "content": "Hi!"}]})", "chat.json", message_limits);
//   std::vector<Message> messages = read_messages(file.root().need("messages"));
//   std::string json = messages_json(messages).text();
//
// A message has a role (system, user, assistant, tool, ipython), content (text, or a list of text parts; of a tool any
// JSON) and optionally name, tool_calls and tool_call_id; a call may also be {"tool_call": {"method", "parameters"}}.
//
// In training data a message may also be ShareGPT's {"from": "human", "value": "Hi!"}, with the names of roles that
// such data uses (docs/data.md); what it says with the role function_call is a call, {"name", "arguments"}, or a list
// of them.
//
// The policy for the rest is the same for all users. What cannot be rendered is rejected by name: other roles, images,
// audio, refusal, function_call. So are fields that seem to select what is in the loss and are not understood
// (chat/loss_fields.h), and a field of a known name that is there twice. Other fields are kept: the model's template
// may read them, and messages_json writes them again. Null is an absent field, except that templates can tell it from
// an absent name, id or content.
#pragma once
#include "chat/message.h"
#include "core/json_document.h"
#include "core/json_text.h"

#include <span>
#include <vector>

namespace puna {

// For documents with messages: more values than any context holds.
inline constexpr JsonLimits message_limits{.values = 4'000'000, .names = JsonNames::unique};

enum class MessageForm { openai, training_data };

// Throws Error that names the path, as "chat.jsonl:7: messages[2].content[0]: ...".
std::vector<Message> read_messages(const JsonNode& list, MessageForm form = MessageForm::openai);

// Reading it gives the same messages.
JsonText messages_json(std::span<const Message> messages);

}  // namespace puna
