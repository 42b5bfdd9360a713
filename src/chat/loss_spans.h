// chat/loss_spans.h — which characters of a rendered conversation are in the loss: the first step of the loss mask of
// encode_training_chat (chat/encode.h).
#pragma once
#include "chat/chat_template.h"

#include <span>
#include <vector>

namespace puna {

struct LossSpan {
    size_t begin, end;   // characters
    bool whole = false;  // false: ends after the last control token in it, if only whitespace follows that
};

struct TrainingText {
    jinja::Text text;
    std::vector<LossSpan> spans;  // ascending, disjoint
};

// Throws Error as ChatTemplate::render, and if the template does not support training (see encode_training_chat).
TrainingText render_for_training(const ChatTemplate& chat, std::span<const Message> messages,
                                 const ChatOptions& options);

}  // namespace puna
