// chat/chat_values.h — what a chat template gets: the messages and the other variables, as values of the template.
//
//   ChatValues values = chat.values(messages, {.add_generation_prompt = true});
//
//   JsonDocument input(R"({"messages": [{"role": "user", "content": "Hi!"}]})", "input.json", chat_value_limits);
//   ChatValues given = chat.values(input.root());       // the caller's own variables, as they are
//
// The variables are those of transformers' apply_chat_template: messages, tools and documents (None where there are
// none), add_generation_prompt, bos_token, eos_token and the like, and Llama's date_string, tools_in_user_message,
// builtin_tools. Created once to be rendered in parts.
//
// Whatever a caller gives is tainted (chat/jinja/text.h), but for the usual roles: many templates write
// '<|' + message.role + '|>' and mean the control token.
#pragma once
#include "chat/jinja/jinja.h"
#include "chat/message.h"
#include "core/json_document.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct ChatOptions {
    bool add_generation_prompt = false;      // end with the header of an assistant turn
    std::vector<std::string> tools;          // JSON schemas, one for each function that may be called
    bool tools_in_user_message = true;       // Llama's templates: in the first user message; false: in the system turn
    std::vector<std::string> builtin_tools;  // Llama's templates: brave_search, ...
    std::string variables;                   // more variables, as a JSON object (transformers' chat_template_kwargs)
    std::string date;                        // "26 Jul 2024": today's date in the prompt; empty: the clock's, in UTC
};

enum class LossMark : uint8_t { none, context, answer };  // of an assistant's message: whether it is in the loss

struct ChatValues {
    std::vector<jinja::Value> messages;
    std::vector<LossMark> marks;  // by message
    bool add_generation_prompt = false;
    jinja::Variables variables;                   // all others; the first of a name counts
    std::optional<std::chrono::sys_seconds> now;  // none: ChatOptions::date is not a date
    jinja::Limits limits;                         // grow with the length of the conversation
};

// For documents with such variables.
inline constexpr JsonLimits chat_value_limits{
    .values = 4'000'000, .depth = jinja::Limits{}.depth, .names = JsonNames::unique};

// source: of the template; only those fields of messages whose names it contains are read, and need to be valid. Throws
// Error for arguments, tools, variables and fields that are not valid JSON.
ChatValues chat_values(std::span<const Message> messages, const ChatOptions& options, std::string_view source,
                       const jinja::Variables& special_tokens);

// Every member of the object is a variable, and what a message holds goes to the template as it is, in its order.
// Throws Error that names the path if `messages` is no list of objects, `add_generation_prompt` no boolean, and for
// numbers and texts without a value. date: "26 Jul 2024", which is also the variable date_string, or
// "2024-07-26T13:05:09"; empty: the clock's, in UTC. Throws Error with the field `date` for others.
ChatValues chat_values(const JsonNode& variables, const jinja::Variables& special_tokens, const std::string& date);

}  // namespace puna
