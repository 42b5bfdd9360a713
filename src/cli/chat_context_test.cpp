#include "cli/chat_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;
using testing::Not;

ContextUse use_of(int64_t used, size_t turns, int64_t max_context = 1000) {
    return {.used = used, .context = 1000, .max_context = max_context, .turns = turns};
}

TEST(ChatContext, WarnsAtAQuarterAndBeforeTheLastAnswer) {
    EXPECT_EQ(context_level(use_of(750, 5), 100), ContextLevel::roomy);
    EXPECT_EQ(context_level(use_of(751, 5), 100), ContextLevel::quarter_left);
    EXPECT_EQ(context_level(use_of(901, 5), 100), ContextLevel::answer_left);
    EXPECT_EQ(context_level(use_of(500, 5), 600), ContextLevel::answer_left) << "answers are long";
    EXPECT_EQ(context_warning(use_of(900, 5)),
              "[the context is nearly full: 100 of 1,000 tokens left; /trim removes the oldest turns]");
}

TEST(ChatContext, AdviceNeedsSomethingToTrimOrALargerContext) {
    EXPECT_THAT(context_warning(use_of(900, 1)), HasSubstr("/reset starts a new conversation"));
    EXPECT_THAT(stopped_by_context(use_of(1000, 2)),
                HasSubstr("/trim removes the oldest turns, then /retry answers again"));
    EXPECT_EQ(stopped_by_context(use_of(1000, 1)),
              "[stopped: the context of 1,000 tokens is full; /reset starts a new conversation]");
    EXPECT_THAT(stopped_by_context(use_of(1000, 1, 8000)),
                HasSubstr("with a larger --context (this model allows 8,000 tokens)"));
}

TEST(ChatContext, TooLongMessagesAreToldWhatHelps) {
    EXPECT_EQ(
        message_too_long(use_of(500, 5), {.alone = 1200, .after_last = 1300, .after_all = 1700}),
        "the message is too long: the prompt has 1,200 tokens, more than the context of 1,000 tokens; shorten it");
    EXPECT_EQ(
        message_too_long(use_of(900, 5), {.alone = 150, .after_last = 300, .after_all = 1020}),
        "the conversation is too long: 1,020 tokens with this message, more than the context of 1,000 tokens; /trim "
        "removes the oldest turns, /reset starts a new one");
    EXPECT_THAT(message_too_long(use_of(900, 5), {.alone = 650, .after_last = 800, .after_all = 1520}),
                HasSubstr("/trim 0.7 removes the oldest turns"))
        << "half of the context is not enough";
    for (auto [turns, after_last] : {std::pair<size_t, int64_t>{5, 1100}, {1, 900}})
        EXPECT_THAT(message_too_long(use_of(900, turns), {.alone = 650, .after_last = after_last, .after_all = 1520}),
                    testing::AllOf(HasSubstr("; /reset starts a new one"), Not(HasSubstr("/trim"))));
}

}  // namespace
}  // namespace puna
