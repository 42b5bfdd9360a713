// chat/loss_spans.h — which characters of a rendered conversation are in the loss: the first step of
// render_training_prompt (chat/prompt.h), which cuts them after the end-of-turn tokens.
#pragma once
#include "chat/chat_template.h"

#include <vector>

namespace puna {

struct LossSpan {
    size_t begin, end;   // characters
    bool whole = false;  // false: ends after the end-of-turn token
};

struct TrainingText {
    jinja::Text text;
    std::vector<LossSpan> spans;  // ascending, disjoint
};

// The conversation without a generation prompt. Throws Error as ChatTemplate::render, and if the template does not
// support training (see render_training_prompt).
TrainingText render_for_training(const ChatTemplate& chat, const ChatValues& values);

}  // namespace puna
