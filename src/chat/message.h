// chat/message.h — a message of a conversation: in training data, in the terminal, in a request.
#pragma once
#include <string>
#include <vector>

namespace puna {

struct ToolCall {
    std::string name;
    std::string arguments;  // JSON: {"city": "Vienna"}
};

struct Message {
    std::string role;                  // system, user, assistant; tool (or ipython) for the result of a tool
    std::string content;               // text, UTF-8
    bool content_is_json = false;      // of a tool: content is an object or array, and the template gets it as such
    std::vector<ToolCall> tool_calls;  // of the assistant
    bool in_loss = true;               // of the assistant, in training; false: context only
};

}  // namespace puna
