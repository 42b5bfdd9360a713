// chat/message.h — a message of a conversation: in training data, in the terminal, in a request.
#pragma once
#include <string>
#include <vector>

namespace puna {

// A field that only the model's own template may read, as name, tool_call_id, reasoning_content or a call's id.
struct MessageField {
    std::string name, json;
};

struct ToolCall {
    std::string name;
    std::string arguments;                  // JSON: {"city": "Vienna"}
    std::vector<MessageField> fields = {};  // beside `function` and `type`
};

struct Message {
    std::string role;                  // system, user, assistant; tool (or ipython) for the result of a tool
    std::string content;               // text, UTF-8
    bool content_is_json = false;      // of a tool: content is an object or array, and the template gets it as such
    std::vector<ToolCall> tool_calls;  // of the assistant
    std::vector<MessageField> fields;  // beside these
    bool in_loss = true;               // of the assistant, in training; false: context only
};

}  // namespace puna
