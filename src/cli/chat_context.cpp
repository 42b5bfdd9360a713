#include "cli/chat_context.h"

#include "core/progress.h"

#include <fmt/format.h>

#include <cmath>

namespace puna {

namespace {

std::string larger_context(const ContextUse& use) {
    std::string flag = larger_context_flag(use.context, use.max_context);
    return flag.empty() ? "" : ", or start again with " + flag;
}

}  // namespace

std::string larger_context_flag(int64_t context, int64_t max_context) {
    if (context >= max_context) return "";
    return fmt::format("a larger --context (this model allows {})", format_count(max_context, "token"));
}

ContextLevel context_level(const ContextUse& use, int64_t typical_answer) {
    int64_t left = use.context - use.used;
    if (left < typical_answer) return ContextLevel::answer_left;
    return left < use.context / 4 ? ContextLevel::quarter_left : ContextLevel::roomy;
}

std::string context_warning(const ContextUse& use) {
    return fmt::format("[the context is nearly full: {} of {} left; {}]", use.context - use.used,
                       format_count(use.context, "token"),
                       use.turns > 1 ? "/trim removes the oldest turns" : "/reset starts a new conversation");
}

std::string stopped_by_context(const ContextUse& use) {
    return fmt::format("[stopped: the context of {} is full; {}]", format_count(use.context, "token"),
                       use.turns > 1 ? "/trim removes the oldest turns, then /retry answers again"
                                     : "/reset starts a new conversation" + larger_context(use));
}

std::string message_too_long(const ContextUse& use, const PromptSizes& prompt) {
    std::string holds = fmt::format("more than the context of {}", format_count(use.context, "token"));
    if (prompt.alone >= use.context)
        return fmt::format("the message is too long: the prompt has {}, {}; shorten it{}",
                           format_count(prompt.alone, "token"), holds, larger_context(use));
    // What the message needs must be free; in tenths, rounded up.
    double needed = static_cast<double>(prompt.after_all - use.used + 1) / static_cast<double>(use.context);
    std::string trim =
        needed <= default_trim_share ? "/trim" : fmt::format("/trim {:.1f}", std::ceil(needed * 10) / 10);
    bool trim_helps = use.turns > 1 && prompt.after_last < use.context && needed < 0.9;
    return fmt::format("the conversation is too long: {} with this message, {}; {} starts a new one",
                       format_count(prompt.after_all, "token"), holds,
                       trim_helps ? trim + " removes the oldest turns, /reset" : "/reset");
}

}  // namespace puna
