// chat/loss_spans.h — which characters of a rendered conversation an assistant should learn to write (chat/encode.h).
#pragma once
#include "chat/chat_template.h"

#include <span>
#include <vector>

namespace puna {

struct LossSpan {
    size_t begin, end;   // characters
    bool whole = false;  // all of it; otherwise up to the end-of-turn token, if one is followed by blanks only
};

struct TrainingText {
    jinja::Text text;
    std::vector<LossSpan> spans;  // in order
};

// Throws Error where the template cannot be trained on.
TrainingText render_for_training(const ChatTemplate& chat, std::span<const Message> messages,
                                 const ChatOptions& options);

}  // namespace puna
