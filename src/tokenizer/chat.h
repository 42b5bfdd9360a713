// tokenizer/chat.h — a conversation as the token ids of a prompt.
//
//   std::vector<Message> messages = {{.role = "user", .content = "Hello!"}};
//   ChatTokens prompt = encode_chat(tokenizer, messages, {.add_generation_prompt = true});
//   engine.generate(prompt.ids);
//
// Made message by message: what a message says is encoded as plain text and cannot become a control token, so that
// nobody can write themselves a system turn. The ids are those that the models' own chat templates lead to; for Llama
// 3, which has no template for tools, tools are offered and called as for 3.1.
#pragma once
#include "tokenizer/encoder.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace puna {

struct ToolCall {
    std::string name;
    std::string arguments;  // JSON: {"city": "Vienna"}
};

struct Message {
    std::string role;                  // system, user, assistant; tool (or ipython) for what a tool answered
    std::string content;               // blanks around it are dropped
    bool content_is_json = false;      // of a tool: an object or array, not text
    std::vector<ToolCall> tool_calls;  // of the assistant: at most one; then content is not used
    bool in_loss = true;               // of the assistant: train on it
};

struct ChatOptions {
    std::optional<ChatFormat> format;        // none: the tokenizer's own
    bool begin_of_text = true;               // put it first
    bool add_generation_prompt = false;      // end with the header of an assistant's turn
    std::vector<std::string> tools;          // JSON, each a function that may be called
    bool tools_in_user_message = true;       // the first one; otherwise in the system turn (3.1 and later)
    std::vector<std::string> builtin_tools;  // brave_search, ...: called in Python's form (3.1 and 3.3)
    std::string date;                        // "26 Jul 2024"; empty: that day, for 3.2 today (3.1 and later)
};

struct ChatTokens {
    std::vector<int32_t> ids;
    std::vector<uint8_t> spoken;  // for each id: 1 if the assistant says it and in_loss, the end of its turn included
};

// Throws Error for what the format cannot say: two calls in a message, tools without a user message, arguments that are
// no JSON, a tokenizer without the control tokens.
ChatTokens encode_chat(const Tokenizer& tokenizer, std::span<const Message> messages, const ChatOptions& options = {});

// The same for many conversations, with an encoder of that tokenizer, which remembers words.
ChatTokens encode_chat(const Tokenizer& tokenizer, Encoder& encoder, std::span<const Message> messages,
                       const ChatOptions& options = {});

}  // namespace puna
