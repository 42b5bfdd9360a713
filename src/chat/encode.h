// chat/encode.h — a conversation as the token ids of a prompt, and which of them the assistant should learn.
//
//   std::vector<Message> messages = {{.role = "user", .content = "Hello!"}};
//   ChatTokens prompt = encode_chat(chat, tokenizer, messages, {.add_generation_prompt = true});
//   engine.generate(session, prompt.ids, {});
//
// Control tokens are looked for in what the template itself wrote, and in bos_token and its like. What a message, a
// tool or any other value wrote is plain text whatever it spells, so that nobody can write themselves a system turn.
// The text between control tokens is encoded as one, whoever wrote it. No token is added to the template's text.
#pragma once
#include "chat/chat_template.h"
#include "tokenizer/encoder.h"

#include <cstdint>
#include <span>
#include <vector>

namespace puna {

struct ChatTokens {
    std::vector<int32_t> ids;
    std::vector<uint8_t> loss_mask;  // for each id: 1 if it is to be learned. Of encode_chat: empty
};

// Throws Error as ChatTemplate::render.
ChatTokens encode_chat(const ChatTemplate& chat, const Tokenizer& tokenizer, std::span<const Message> messages,
                       const ChatOptions& options = {});

// The whole conversation for training, with an encoder of that tokenizer, which remembers words. In the loss is what
// follows the generation prompt of each assistant message that is `in_loss`, up to and including its end-of-turn
// token; where the template has {% generation %} blocks, what they wrote. Throws Error also where a template cannot be
// trained on: what it writes for a message is not the generation prompt and an answer, or changes when others follow.
ChatTokens encode_training_chat(const ChatTemplate& chat, const Tokenizer& tokenizer, Encoder& encoder,
                                std::span<const Message> messages, const ChatOptions& options = {});

}  // namespace puna
