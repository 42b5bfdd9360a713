// chat/loss_spans.h — which characters of a rendered conversation are in the loss: the first step of
// render_training_prompt (chat/prompt.h), which cuts them after the end-of-turn tokens.
#pragma once
#include "chat/chat_template.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace puna {

struct LossSpan {
    // Where it ends: exactly there; after the last end-of-turn token in it; or after the first one that follows
    // words_end, and there if there is none.
    enum class End : uint8_t { exact, after_last, after_words };

    size_t begin, end;  // characters
    End ends = End::after_last;
    size_t words_end = begin;
};

struct TrainingText {
    jinja::Text text;
    std::vector<LossSpan> spans;  // ascending, disjoint
    std::string note;             // as Prompt::note
};

// The conversation without a generation prompt. Throws Error as ChatTemplate::render, and if the template does not
// support training (see render_training_prompt).
TrainingText render_for_training(const ChatTemplate& chat, const ChatValues& values);

}  // namespace puna
