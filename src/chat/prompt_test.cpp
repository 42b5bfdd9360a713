#include "chat/prompt.h"

#include "chat/test_chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

namespace puna {
namespace {

using testing::ElementsAre;

// ChatML with the control tokens of the small tokenizer.
constexpr const char* chatml =
    "{% for m in messages %}{{ '<|start_header_id|>' + m.role + '\\n' + m.content + '<|eot_id|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant\\n' }}{% endif %}";

using Marked = std::tuple<std::string, bool, bool>;  // text, literal, in the loss

std::vector<Marked> marked(const Prompt& prompt) {
    std::vector<Marked> list;
    for (const PromptSegment& segment : prompt.segments)
        list.emplace_back(prompt.text_of(segment), segment.literal, segment.in_loss);
    return list;
}

std::vector<Marked> training(std::string_view jinja, std::vector<Message> messages) {
    return marked(render_training_prompt(chat_of(jinja), small_tokenizer(), messages));
}

const std::vector<Message> exchange = {{.role = "user", .content = "Hi"},
                                       {.role = "assistant", .content = "Yes\u00a0"}};

TEST(Prompt, SegmentsTellWordsFromTheTemplate) {
    Prompt prompt = render_prompt(chat_of(chatml), exchange, {.add_generation_prompt = true});
    EXPECT_THAT(marked(prompt),
                ElementsAre(Marked("<|start_header_id|>user\n", false, false), Marked("Hi", true, false),
                            Marked("<|eot_id|>\n<|start_header_id|>assistant\n", false, false),
                            Marked("Yes\u00a0", true, false),
                            Marked("<|eot_id|>\n<|start_header_id|>assistant\n", false, false)));
    EXPECT_TRUE(prompt.has_literal(0, prompt.text.size()));
    EXPECT_FALSE(prompt.has_literal(0, prompt.segments[0].end));
    EXPECT_TRUE(prompt.has_literal(0, prompt.segments[0].end + 1));
}

TEST(Prompt, TheLossIsWhatFollowsTheGenerationPromptWhoeverWroteIt) {
    EXPECT_THAT(
        training(chatml, exchange),
        ElementsAre(Marked("<|start_header_id|>user\n", false, false), Marked("Hi", true, false),
                    Marked("<|eot_id|>\n<|start_header_id|>assistant\n", false, false), Marked("Yes\u00a0", true, true),
                    Marked("<|eot_id|>", false, true), Marked("\n", false, false)));
    std::vector<Message> call = {{.role = "user", .content = "?"},
                                 {.role = "assistant", .tool_calls = {{"f", R"({"a": "b"})"}}}};
    std::vector<Marked> segments =
        marked(render_training_prompt(llama_chat(LlamaPrompt::llama3), small_tokenizer(), call));
    std::string in_loss, literal;
    for (const auto& [text, is_literal, is_in_loss] : segments) {
        if (is_in_loss) in_loss += text;
        if (is_in_loss && is_literal) literal += text;
    }
    EXPECT_EQ(in_loss, R"({"name": "f", "parameters": {"a": "b"}}<|eot_id|>)");
    EXPECT_EQ(literal, R"(f{"a": "b"})");
}

TEST(Prompt, NothingAfterTheEndOfTurnTokenIsInTheLoss) {
    constexpr const char *header = "{% for m in messages %}{{ m.role + ':' }}{{ m.content }}",
                         *rest = "{% endfor %}{{ 'assistant:' if add_generation_prompt }}";
    auto in_loss = [&](std::string_view after, std::string_view content = "Yes") {
        std::vector<Message> messages = exchange;
        messages[1].content = content;
        return text_in_loss(chat_of(fmt::format("{}{}{}", header, after, rest)), messages);
    };
    EXPECT_EQ(in_loss("<|eot_id|> over\n"), "Yes<|eot_id|>");
    EXPECT_EQ(in_loss("<|eom_id|><|python_tag|>"), "Yes<|eom_id|>");
    EXPECT_EQ(in_loss("<|end_of_text|>"), "Yes<|end_of_text|>");
    EXPECT_EQ(in_loss("<|python_tag|>\n"), "Yes<|python_tag|>") << "a token without such a role";
    EXPECT_EQ(in_loss("<|python_tag|> over"), "Yes<|python_tag|> over");
    EXPECT_EQ(in_loss("\n"), "Yes\n");
    EXPECT_EQ(in_loss("<|eot_id|>", "a<|eot_id|>b"), "a<|eot_id|>b<|eot_id|>") << "somebody's words";
}

TEST(Prompt, TheTemplatesOwnEosTokenEndsATurn) {
    ChatTemplateText text{.origin = "x.jinja",
                          .text =
                              "{% for m in messages %}{{ m.role + ':' + m.content + eos_token + ' over' }}{% endfor %}"
                              "{{ 'assistant:' if add_generation_prompt }}",
                          .tokens = {{"eos_token", "<|python_tag|>"}}};
    EXPECT_EQ(text_in_loss(ChatTemplate(text), exchange), "Yes\u00a0<|python_tag|>");
}

TEST(Prompt, SegmentsCoverTheTextOfAnyTemplate) {
    std::vector<Message> messages = {{.role = "user", .content = "\xff a"},
                                     {.role = "assistant", .content = ""},
                                     {.role = "user", .content = ""},
                                     {.role = "assistant", .content = "\u6771\u4eac", .in_loss = false},
                                     {.role = "assistant", .content = "x\n"}};
    for (const std::string& jinja : {std::string(chatml), llama_template(LlamaPrompt::llama3_1)}) {
        Prompt prompt = render_training_prompt(chat_of(jinja), small_tokenizer(), messages);
        EXPECT_EQ(prompt.text, render_prompt(chat_of(jinja), messages).text);
        size_t end = 0;
        for (const PromptSegment& segment : prompt.segments) {
            EXPECT_EQ(segment.begin, end);
            EXPECT_LT(segment.begin, segment.end);
            end = segment.end;
        }
        EXPECT_EQ(end, prompt.text.size());
    }
}

}  // namespace
}  // namespace puna
