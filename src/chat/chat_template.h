// chat/chat_template.h — a conversation as the text of a prompt, by the model's own template.
//
//   ChatTemplate chat(find_chat_template("models/starter", tokenizer));         // chat/template_files.h
//   jinja::Text prompt = chat.render(messages, {.add_generation_prompt = true});
//
// Parsed once; any number of threads may render with it. The text remembers of every character whether the template
// wrote it or a message (chat/jinja/text.h). To the token ids of the prompt: chat/encode.h.
#pragma once
#include "chat/jinja/jinja.h"
#include "chat/message.h"

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace puna {

// A template as it was found, not parsed yet.
struct ChatTemplateText {
    std::string place;      // where it was found, or was looked for: opens messages
    std::string text;       // Jinja; empty: there is none
    std::string tool_text;  // the one for conversations with tools, where that is another
    std::vector<std::pair<std::string, std::string>> tokens;  // bos_token, eos_token and their like
};

bool shows_date(const ChatTemplateText& found);  // whether its prompts may depend on ChatOptions::date

struct ChatOptions {
    bool add_generation_prompt = false;      // end with what opens an answer of the assistant
    std::vector<std::string> tools;          // JSON, each a function that may be called
    bool tools_in_user_message = true;       // of Llama's templates: show them in the first one, not in the system turn
    std::vector<std::string> builtin_tools;  // of Llama's: brave_search, ...
    std::string date;                        // "26 Jul 2024": that day is today; empty: what the clock says, in UTC
};

// The messages as the template sees them, made once to be rendered in parts.
struct ChatValues {
    std::vector<jinja::Value> messages;
    jinja::Variables variables;  // tools, dates and tokens
    std::optional<std::chrono::sys_seconds> now;
    jinja::Limits limits;
};

class ChatTemplate {
 public:
    // Throws Error: there is no template, it is no Jinja, or uses what is not known here.
    explicit ChatTemplate(const ChatTemplateText& found);

    // Throws Error: arguments or tools that are no JSON, and what the template itself refuses.
    jinja::Text render(std::span<const Message> messages, const ChatOptions& options = {}) const;

    ChatValues values(std::span<const Message> messages, const ChatOptions& options) const;
    // Of the first `count` messages. `watch` hears how the template reads them; it may be null.
    jinja::Text render(const ChatValues& values, size_t count, bool add_generation_prompt, jinja::Watch* watch) const;

    const std::string& place() const { return plain_.place; }
    bool has_generation(const ChatValues& values) const { return tree_for(values).has_generation; }
    const std::string& eos_token() const { return eos_token_; }  // empty: the model has none

 private:
    const jinja::Tree& tree_for(const ChatValues& values) const;

    jinja::Tree plain_;
    std::optional<jinja::Tree> with_tools_;
    jinja::Variables tokens_;
    std::string eos_token_;
};

}  // namespace puna
