// chat/message.h — a message of a conversation: in training data, in the terminal, in a request.
//
//   Message message{.role = "user", .content = "Hello!", .name = "Ada"};
//
// The fields are OpenAI's. As JSON: chat/messages.h.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace puna {

// A field of JSON that has no meaning here: only the model's own template may read it, as reasoning_content.
struct MessageField {
    std::string name, json;
};

struct ContentPart {
    std::string text;                       // UTF-8
    std::vector<MessageField> fields = {};  // beside `type` and `text`
};

struct ToolCall {
    std::string name;
    std::string arguments;                  // JSON: {"city": "Vienna"}
    std::string id = {};                    // which a tool's result names; empty: none
    std::vector<MessageField> fields = {};  // beside these and `type`
};

// What a template reads as the content of a message. json: of a tool, an object or array; null, absent: of an assistant
// that only calls tools.
enum class ContentKind : uint8_t { text, json, null, absent };

struct Message {
    std::string role;                // system, user, assistant; tool (or ipython) for the result of a tool
    std::string content;             // text, UTF-8, or JSON
    std::vector<ContentPart> parts;  // if not empty, the content, in place of `content`
    ContentKind content_kind = ContentKind::text;
    std::string name;                  // of the speaker or the tool; empty: none
    std::vector<ToolCall> tool_calls;  // of the assistant
    std::string tool_call_id;          // of a tool's result: the call; empty: none
    std::vector<MessageField> fields;  // beside these
    bool in_loss = true;               // of the assistant, in training; false: context only
};

std::string text_of(const Message& message);  // the content; of parts their text, one after another

}  // namespace puna
