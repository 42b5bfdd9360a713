// data/jsonl.h — a line of JSONL: a text, or a conversation.
//
//   JsonlParser parser;                                              // one for each thread
//   JsonlDocument document = parser.parse(line, "chat.jsonl:17", "text");
//   document.messages.empty() ? document.text : ...
//
// A conversation has `messages`, each with a role (system, user, assistant, tool, ipython) and `content`, and perhaps
// `tools`. Calls of tools are read in OpenAI's form (`tool_calls`) and as {"tool_call": {"method", "parameters"}}; what
// a tool answers may be any JSON. Other fields are passed over. Strict: throws Error, beginning with the place.
#pragma once
#include "tokenizer/chat.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct JsonlDocument {
    std::string text;
    std::vector<Message> messages;   // empty: a text
    std::vector<std::string> tools;  // JSON
};

class JsonlParser {
 public:
    JsonlParser();
    ~JsonlParser();
    JsonlParser(JsonlParser&&) noexcept;

    // 64 readable bytes must follow the line, whatever they are.
    JsonlDocument parse(std::string_view line, std::string_view place, const std::string& text_field);

 private:
    struct Parser;
    std::unique_ptr<Parser> parser_;
};

}  // namespace puna
