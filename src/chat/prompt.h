// chat/prompt.h — a conversation as the text of a prompt, in segments with two independent marks.
//
//   Prompt prompt = render_prompt(chat, messages, {.add_generation_prompt = true});
//   for (const PromptSegment& segment : prompt.segments)
//       if (segment.literal) words += prompt.text_of(segment);
//
// Its token ids are in chat/encode.h.
#pragma once
#include "chat/chat_template.h"
#include "tokenizer/tokenizer.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct PromptSegment {
    size_t begin, end;     // bytes of the prompt's text
    bool literal = false;  // somebody's words: of a message, a tool or another value. Never a control token
    bool in_loss = false;  // what the model is trained to write
};

struct Prompt {
    std::string text;
    std::vector<PromptSegment> segments;  // of the whole text, in order
    std::string note;                     // where training is not as answering: which answer, and why; empty: nowhere

    std::string_view text_of(const PromptSegment& segment) const {
        return std::string_view(text).substr(segment.begin, segment.end - segment.begin);
    }
    bool has_literal(size_t begin, size_t end) const;  // whether a byte of this range is literal
};

// Nothing is in the loss. Throws Error as ChatTemplate::render.
Prompt render_prompt(const ChatTemplate& chat, const ChatValues& values);
Prompt render_prompt(const ChatTemplate& chat, std::span<const Message> messages, const ChatOptions& options = {});

// The whole conversation for training. In the loss is, for each assistant message with `in_loss`, what follows its
// generation prompt, up to and including its end-of-turn token, whoever wrote it: what rendering the messages up to it
// adds to rendering those before it with the generation prompt. If the template has {% generation %} blocks, what these
// wrote. Where the whole conversation has other text after the answer, or before it than the template's prompts end
// with, or another answer than without what follows: its words there, and the end-of-turn token that follows them; of
// the latter two the note tells. Throws Error also if the template writes an answer twice. Source:
// return_assistant_tokens_mask of transformers' apply_chat_template.
Prompt render_training_prompt(const ChatTemplate& chat, const Tokenizer& tokenizer, const ChatValues& values);
Prompt render_training_prompt(const ChatTemplate& chat, const Tokenizer& tokenizer, std::span<const Message> messages,
                              const ChatOptions& options = {});

// The prompt, with its generation prompt if the values ask for one, and what of it would be in the loss in training.
// Throws Error as render_training_prompt.
Prompt with_loss(Prompt prompt, const ChatTemplate& chat, const Tokenizer& tokenizer, const ChatValues& values);

}  // namespace puna
