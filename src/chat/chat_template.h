// chat/chat_template.h — renders a conversation as the text of a prompt, by the model's own chat template.
//
//   ChatTemplate chat(find_chat_template("models/starter", tokenizer));         // chat/template_files.h
//   jinja::Text prompt = chat.render(messages, {.add_generation_prompt = true});
//
// Parsed once; any number of threads may render with it. Each character of the text knows whether the template or a
// message wrote it (chat/jinja/text.h). For the token ids of the prompt see chat/encode.h.
//
// For its variables see chat/chat_values.h.
#pragma once
#include "chat/chat_values.h"
#include "tokenizer/chat_template_files.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace puna {

bool shows_date(const ChatTemplateText& found);  // whether its prompts may depend on ChatOptions::date

class ChatTemplate {
 public:
    // Throws Error "origin: ..." if there is no template, "origin:line: ..." for invalid or unsupported syntax.
    explicit ChatTemplate(const ChatTemplateText& found);

    // Throws Error if the only template is for conversations with tools. Rendering others throws it too.
    const jinja::Tree& without_tools() const;

    // As chat_values, with the model's special tokens.
    ChatValues values(std::span<const Message> messages, const ChatOptions& options) const;
    ChatValues values(const JsonNode& variables, const std::string& date = "") const;

    // Throw Error as values() and as jinja::render: "origin:line: ..." for raise_exception, undefined variables,
    // unknown filters and exceeded limits.
    jinja::Text render(std::span<const Message> messages, const ChatOptions& options = {}) const;
    jinja::Text render(const ChatValues& values) const;
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
