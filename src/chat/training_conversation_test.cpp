#include "chat/training_conversation.h"

#include "chat/messages.h"
#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;

std::optional<TrainingConversation> read(std::string_view json, std::string_view text_field = "text") {
    JsonDocument document(json, "a.jsonl:7", message_limits);
    return read_training_conversation(document.root(), text_field);
}

// "user: Hi | assistant*: Hello", with a star at what is in the loss.
std::string turns(std::string_view json) {
    std::optional<TrainingConversation> conversation = read(json);
    if (!conversation) return "none";
    std::string text;
    for (const Message& m : conversation->messages)
        text += fmt::format("{}{}{}: {}", text.empty() ? "" : " | ", m.role,
                            m.role == "assistant" && m.in_loss ? "*" : "", text_of(m));
    return text;
}

std::string error_in(std::string_view json) {
    return error_of([&] { read(json); });
}

TEST(TrainingConversation, ShareGptHasTurnsFromHumanAndGpt) {
    for (const char* field : {"conversations", "conversation", "messages"})
        EXPECT_EQ(turns(fmt::format(R"({{"id": "x", "{}": [{{"from": "human", "value": "Hi"}},
                                        {{"from": "gpt", "value": "Hello"}}]}})",
                                    field)),
                  "user: Hi | assistant*: Hello");
    EXPECT_EQ(turns(R"({"system": "s", "conversations": [{"role": "user", "content": "Hi"},
                        {"role": "assistant", "content": "Hello", "train": false}]})"),
              "system: s | user: Hi | assistant: Hello");
}

TEST(TrainingConversation, AlpacasInputFollowsItsInstruction) {
    EXPECT_EQ(turns(R"({"instruction": "Add.", "input": "2 and 3", "output": "5"})"),
              "user: Add.\n\n2 and 3 | assistant*: 5");
    for (const char* none : {"", R"("input": "",)", R"("input": null,)"})
        EXPECT_EQ(turns(fmt::format(R"({{"instruction": "Add.", {} "output": "5"}})", none)),
                  "user: Add. | assistant*: 5");
    EXPECT_EQ(turns(R"({"instruction": "", "input": "2 and 3", "output": "5"})"), "user: 2 and 3 | assistant*: 5");
    EXPECT_EQ(turns(R"({"instruction": "c", "output": "d", "system": "s", "history": [["a", "b"]]})"),
              "system: s | user: a | assistant*: b | user: c | assistant*: d");
}

TEST(TrainingConversation, APromptIsContextAndItsCompletionInTheLoss) {
    for (const char* field : {"completion", "response"}) {
        EXPECT_EQ(turns(fmt::format(R"({{"prompt": "Hi", "{}": "Hello"}})", field)), "user: Hi | assistant*: Hello");
        EXPECT_EQ(turns(fmt::format(R"({{"prompt": [{{"role": "user", "content": "a"}},
                                        {{"role": "assistant", "content": "b"}}, {{"role": "user", "content": "c"}}],
                                        "{}": [{{"role": "assistant", "content": "d"}}]}})",
                                    field)),
                  "user: a | assistant: b | user: c | assistant*: d");
    }
    EXPECT_EQ(turns(R"({"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}],
                        "completion": "b"})"),
              "system: s | user: a | assistant*: b");
    EXPECT_THAT(error_in(R"({"prompt": [{"role": "assistant", "content": "a", "weight": 1}], "completion": "b"})"),
                HasSubstr("a.jsonl:7: prompt[0]: 'weight' puts a message of the prompt in the loss"));
}

TEST(TrainingConversation, ToolsMayBeJsonAsText) {
    const std::string turns = R"("conversations": [{"from": "human", "value": "Hi"}])";
    const std::vector<std::string> add{R"({"name":"add"})"};
    EXPECT_EQ(read("{" + turns + R"(, "tools": [{"name": "add"}]})")->tools, add);
    EXPECT_EQ(read("{" + turns + R"(, "tools": "[{\"name\": \"add\"}]"})")->tools, add);
    EXPECT_TRUE(read("{" + turns + R"(, "tools": ""})")->tools.empty());
    EXPECT_THAT(error_in("{" + turns + R"(, "tools": "none"})"), HasSubstr("a.jsonl:7: tools: not valid JSON"));
}

TEST(TrainingConversation, WhatWouldChangeThePromptOrTheLossIsRejectedByName) {
    const std::pair<const char*, const char*> lines[] = {
        {R"({"conversations": [], "id": 3})", "the conversation has no messages"},
        {R"({"conversations": [{"from": "system", "value": "a"}], "system": "b"})",
         "has 'system' and a system message"},
        {R"({"instruction": "a", "output": "b", "system_prompt": "c"})", "'system_prompt' would affect training"},
        {R"({"conversations": [{"from": "human", "value": "a"}], "chosen": {}, "rejected": {}})",
         "'chosen' would affect training"},
        {R"({"conversations": [], "messages": []})", "has both 'messages' and 'conversations'"},
        {R"({"instruction": "a", "output": "b", "text": "c"})", "has both 'instruction' and 'text'"},
        {R"({"instruction": "a", "output": 5})", "'output' must be a string"},
        {R"({"instruction": "a", "output": "b", "history": [["c"]]})", "'history[0]' must be a list of two texts"},
        {R"({"prompt": "a", "completion": 3})", "'completion' must be a string"},
        {R"({"conversations": [{"from": "gpt", "value": "a", "weight": 0.5}]})",
         "conversations[0]: 'weight' is 0.5: only 0 and 1"},
    };
    for (const auto& [line, reason] : lines) EXPECT_THAT(error_in(line), HasSubstr(reason)) << line;
}

TEST(TrainingConversation, WhatHasNoConversationIsNone) {
    for (const char* line : {R"({"text": "a"})", R"({"prompt": "a"})", R"({"instruction": "a", "output": null})",
                             R"({"output": "a"})", "{}"})
        EXPECT_EQ(turns(line), "none") << line;
    EXPECT_FALSE(read(R"({"instruction": "a", "output": "b"})", "output"));
    EXPECT_FALSE(read(R"({"conversations": "a text"})", "conversations"));
}

}  // namespace
}  // namespace puna
