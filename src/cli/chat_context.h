// cli/chat_context.h — what a chat says about the context: that it gets full, and what then makes room.
//
//   ContextUse use{.used = 900, .context = 1024, .max_context = 1024, .turns = 5};
//   if (context_level(use, 150) > ContextLevel::roomy) note(context_warning(use));
//
// No advice that does not help: /trim needs a turn to remove, a larger context one that the model allows.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace puna {

struct ContextUse {
    int64_t used = 0, context = 0;  // tokens
    int64_t max_context = 0;        // of the model
    size_t turns = 0;
};

// "a larger --context (this model allows 8,192 tokens)"; empty if it allows no more.
std::string larger_context_flag(int64_t context, int64_t max_context);

inline constexpr double default_trim_share = 0.5;  // of the context that /trim frees

enum class ContextLevel { roomy, quarter_left, answer_left };

// typical_answer: tokens; less than that is left at the last level.
ContextLevel context_level(const ContextUse& use, int64_t typical_answer);
std::string context_warning(const ContextUse& use);
std::string stopped_by_context(const ContextUse& use);  // of an answer

// Tokens of the prompt with a new message: without any turn before it, after the last one, after all of them.
struct PromptSizes {
    int64_t alone = 0, after_last = 0, after_all = 0;
};
std::string message_too_long(const ContextUse& use, const PromptSizes& prompt);

}  // namespace puna
