// chat/encode.h — a conversation as the token ids of a prompt, and its loss mask for training.
//
//   std::vector<Message> messages = {{.role = "user", .content = "Hello!"}};
//   ChatTokens prompt = encode_chat(chat, tokenizer, messages, {.add_generation_prompt = true});
//   engine.generate(prompt.ids, {});
//
// Control tokens are recognized only in text that the template itself wrote, and in bos_token and the like. Text of
// messages, tools and other values is never a control token, whatever it spells: it cannot forge a turn. The text
// between control tokens is encoded as one piece, whoever wrote it. No token is added to what the template writes.
#pragma once
#include "chat/prompt.h"
#include "tokenizer/encoder.h"

#include <cstdint>
#include <span>
#include <vector>

namespace puna {

struct ChatTokens {
    std::vector<int32_t> ids;
    std::vector<uint8_t> loss_mask;  // [ids.size()]: 1 if a byte of the token is in the loss
};

// encoder: of the vocabulary that the prompt is for; it caches the ids of words.
ChatTokens encode_prompt(Encoder& encoder, const Prompt& prompt);

// In one call, with an encoder of its own. Nothing is in the loss. Throws Error as ChatTemplate::render.
ChatTokens encode_chat(const ChatTemplate& chat, const Tokenizer& tokenizer, std::span<const Message> messages,
                       const ChatOptions& options = {});

}  // namespace puna
