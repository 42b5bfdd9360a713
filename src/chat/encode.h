// chat/encode.h — a conversation as the token ids of a prompt, and its loss mask for training.
//
//   std::vector<Message> messages = {{.role = "user", .content = "Hello!"}};
//   ChatTokens prompt = encode_chat(chat, tokenizer, messages, {.add_generation_prompt = true});
//   engine.generate(session, prompt.ids, {});
//
// Control tokens are recognized only in text that the template itself wrote, and in bos_token and the like. Text of
// messages, tools and other values is never a control token, whatever it spells: it cannot forge a turn. The text
// between control tokens is encoded as one piece, whoever wrote it. No token is added to what the template writes.
#pragma once
#include "chat/chat_template.h"
#include "tokenizer/encoder.h"

#include <cstdint>
#include <span>
#include <vector>

namespace puna {

struct ChatTokens {
    std::vector<int32_t> ids;
    std::vector<uint8_t> loss_mask;  // [ids.size()]: 1 if the token is in the loss. Empty for encode_chat
};

// Throws Error as ChatTemplate::render.
ChatTokens encode_chat(const ChatTemplate& chat, const Tokenizer& tokenizer, std::span<const Message> messages,
                       const ChatOptions& options = {});

// The whole conversation for training. encoder: of that tokenizer; it caches the ids of words. In the loss are the
// tokens after the generation prompt of each assistant message with `in_loss`, up to and including its end-of-turn
// token; if the template has {% generation %} blocks, what these wrote. Throws Error also if the template does not
// support this: what it writes for a message does not begin with the generation prompt, or changes when further
// messages follow. Source: return_assistant_tokens_mask of transformers' apply_chat_template.
ChatTokens encode_training_chat(const ChatTemplate& chat, const Tokenizer& tokenizer, Encoder& encoder,
                                std::span<const Message> messages, const ChatOptions& options = {});

}  // namespace puna
