// chat/chat_template.h — renders a conversation as the text of a prompt, by the model's own chat template.
//
//   ChatTemplate chat(find_chat_template("models/starter", tokenizer));         // chat/template_files.h
//   jinja::Text prompt = chat.render(messages, {.add_generation_prompt = true});
//
// Parsed once; any number of threads may render with it. Each character of the text knows whether the template or a
// message wrote it (chat/jinja/text.h). For the token ids of the prompt see chat/encode.h.
//
// The variables are those of transformers' apply_chat_template: messages, tools, documents (None),
// add_generation_prompt, bos_token, eos_token and the like, and Llama's date_string, tools_in_user_message,
// builtin_tools. A message has role, content, tool_calls and those of its other fields whose names the template
// contains: what it cannot read need not be valid.
#pragma once
#include "chat/jinja/jinja.h"
#include "chat/message.h"
#include "tokenizer/chat_template_files.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace puna {

bool shows_date(const ChatTemplateText& found);  // whether its prompts may depend on ChatOptions::date

struct ChatOptions {
    bool add_generation_prompt = false;      // end with the header of an assistant turn
    std::vector<std::string> tools;          // JSON schemas, one for each function that may be called
    bool tools_in_user_message = true;       // Llama's templates: in the first user message; false: in the system turn
    std::vector<std::string> builtin_tools;  // Llama's templates: brave_search, ...
    std::string variables;                   // more variables, as a JSON object (transformers' chat_template_kwargs)
    std::string date;                        // "26 Jul 2024": today's date in the prompt; empty: the clock's, in UTC
};

// Messages and options as values of the template, created once to be rendered in parts.
struct ChatValues {
    std::vector<jinja::Value> messages;
    jinja::Variables variables;                   // tools, dates and special tokens
    std::optional<std::chrono::sys_seconds> now;  // none: ChatOptions::date is not a date
    jinja::Limits limits;                         // grow with the length of the conversation
};

class ChatTemplate {
 public:
    // Throws Error "origin: ..." if there is no template, "origin:line: ..." for invalid or unsupported syntax.
    explicit ChatTemplate(const ChatTemplateText& found);

    // Throws Error if the only template is for conversations with tools. Rendering others throws it too.
    const jinja::Tree& without_tools() const;

    // Throws Error for arguments, tools, variables and fields that are not valid JSON, and as jinja::render:
    // "origin:line: ..." for raise_exception, undefined variables, unknown filters and exceeded limits.
    jinja::Text render(std::span<const Message> messages, const ChatOptions& options = {}) const;

    ChatValues values(std::span<const Message> messages, const ChatOptions& options) const;
    // Renders the first `count` messages. trace: records how the template reads them; may be null.
    jinja::Text render(const ChatValues& values, size_t count, bool add_generation_prompt,
                       jinja::MessageTrace* trace) const;

    const std::string& origin() const { return origin_; }
    bool has_generation(const ChatValues& values) const { return tree_for(values).has_generation; }
    const std::string& eos_token() const { return eos_token_; }  // empty: the model has none

 private:
    const jinja::Tree& tree_for(const ChatValues& values) const;

    std::string origin_, source_;                    // source: of both trees
    std::optional<jinja::Tree> plain_, with_tools_;  // at least one
    jinja::Variables tokens_;
    std::string eos_token_;
};

}  // namespace puna
