// chat/message.h — a message of a conversation: of training data, of a chat in the terminal, of a request.
#pragma once
#include <string>
#include <vector>

namespace puna {

struct ToolCall {
    std::string name;
    std::string arguments;  // JSON: {"city": "Vienna"}
};

struct Message {
    std::string role;  // system, user, assistant; tool (or ipython) for what a tool answered
    std::string content;
    bool content_is_json = false;      // of a tool: an object or array, not text
    std::vector<ToolCall> tool_calls;  // of the assistant
    bool in_loss = true;               // of the assistant, in training: false is context only
};

}  // namespace puna
