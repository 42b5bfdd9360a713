// chat/test_chat.h — for tests: chat templates of Llama and from a string, and the text that is in the loss.
#pragma once
#include "chat/encode.h"
#include "chat/llama_templates.h"
#include "tokenizer/test_tokenizer.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

inline ChatTemplate chat_of(std::string_view jinja) {
    return ChatTemplate({.origin = "x.jinja",
                         .text = std::string(jinja),
                         .tokens = {{"bos_token", "<|begin_of_text|>"}, {"eos_token", "<|eot_id|>"}}});
}

inline const ChatTemplate& llama_chat(LlamaPrompt version) {
    static const std::vector<ChatTemplate> chats = [] {
        std::vector<ChatTemplate> all;
        for (LlamaPrompt each : {LlamaPrompt::llama2, LlamaPrompt::llama3, LlamaPrompt::llama3_1, LlamaPrompt::llama3_2,
                                 LlamaPrompt::llama3_3})
            all.push_back(chat_of(llama_template(each)));
        return all;
    }();
    return chats[static_cast<size_t>(version)];
}

// The tokens of a conversation that are in the loss, as text.
inline std::string text_in_loss(const ChatTemplate& chat, std::span<const Message> messages,
                                const ChatOptions& options = {}) {
    Encoder encoder(small_tokenizer(), 0);
    ChatTokens tokens = encode_prompt(encoder, render_training_prompt(chat, small_tokenizer(), messages, options));
    std::string text;
    for (size_t i = 0; i < tokens.ids.size(); ++i)
        if (tokens.loss_mask[i]) text += small_tokenizer().bytes(tokens.ids[i]);
    return text;
}

}  // namespace puna
