#include "data/jsonl.h"

#include "data/test_text.h"

#include <gtest/gtest.h>

namespace puna {

namespace {

JsonlDocument parse(std::string line, const std::string& text_field = "text") {
    size_t size = line.size();
    line.append(64, ' ');
    return JsonlParser().parse(std::string_view(line).substr(0, size), "chat.jsonl:7", text_field);
}

std::string problem_with(const std::string& line) {
    return error_of([&] { parse(line); });
}

}  // namespace

TEST(Jsonl, ATextIsReadFromItsField) {
    EXPECT_EQ(parse(R"({"id": 3, "text": "caf\u00e9\n"})").text, "caf\xc3\xa9\n");
    EXPECT_EQ(parse(R"({"body": "x"})", "body").text, "x");
    EXPECT_TRUE(parse(R"({"text": "x"})").messages.empty());
}

TEST(Jsonl, AConversationHasMessagesAndTools) {
    JsonlDocument document =
        parse(R"({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
                                       "tools": [{"type": "function", "function": {"name": "f"}}]})");
    ASSERT_EQ(document.messages.size(), 2u);
    EXPECT_EQ(document.messages[0].role, "user");
    EXPECT_EQ(document.messages[1].content, "Hello");
    EXPECT_EQ(document.tools, (std::vector<std::string>{R"({"type":"function","function":{"name":"f"}})"}));
}

TEST(Jsonl, CallsOfToolsAreReadInBothForms) {
    for (
        const char* call :
        {R"("tool_call": {"method": "add", "parameters": {"a": 1}})",
         R"("content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"}}])",
         R"("tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}])"}) {
        Message message = parse(fmt::format(R"({{"messages": [{{"role": "assistant", {}}}]}})", call)).messages[0];
        ASSERT_EQ(message.tool_calls.size(), 1u) << call;
        EXPECT_EQ(message.tool_calls[0].name, "add");
        EXPECT_EQ(message.tool_calls[0].arguments, R"({"a":1})");
    }
}

TEST(Jsonl, WhatAToolAnswersMayBeTextOrJson) {
    Message text = parse(R"({"messages": [{"role": "tool", "content": "three"}]})").messages[0];
    EXPECT_FALSE(text.content_is_json);
    EXPECT_EQ(text.content, "three");
    Message list = parse(R"({"messages": [{"role": "tool", "content": [{"a": "b"}]}]})").messages[0];
    EXPECT_TRUE(list.content_is_json);
    EXPECT_EQ(list.content, R"([{"a":"b"}])");
}

TEST(Jsonl, ContentMayComeInPartsOfText) {
    JsonlDocument document = parse(
        R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]})");
    EXPECT_EQ(document.messages[0].content, "ab");
}

TEST(Jsonl, WhateverIsWrongIsOneLineWithThePlace) {
    const std::pair<const char*, const char*> cases[] = {
        {"{\"text\": \"x\"", "not valid JSON"},
        {"{\"text\": \"\xff\"}", "not valid JSON: The input is not valid UTF-8"},
        {"{\"text\": \"\xed\xa0\x80\"}", "not valid JSON: The input is not valid UTF-8"},
        {R"({"text": "\ud800"})", "not valid JSON"},
        {"[1]", "a line must be a JSON object"},
        {"{} {}", "not valid JSON"},
        {R"({"txt": "x"})", "has neither 'messages' nor 'text'"},
        {R"({"text": 5})", "'text' must be text"},
        {R"({"messages": "x"})", "messages must be a list"},
        {R"({"messages": []})", "a conversation without messages"},
        {R"({"messages": [5]})", "a message must be a JSON object"},
        {R"({"messages": [{"content": "x"}]})", "a message has no 'role'"},
        {R"({"messages": [{"role": "robot", "content": "x"}]})", "unknown role 'robot'"},
        {R"({"messages": [{"role": "user"}]})", "a message of the user has no 'content'"},
        {R"({"messages": [{"role": "user", "content": null}]})", "a message of the user has no 'content'"},
        {R"({"messages": [{"role": "user", "content": 5}]})", "content must be a list"},
        {R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})", "a part that is not text"},
        {R"({"messages": [{"role": "user", "content": [{"text": "x"}]}]})", "a part of the content has no 'type'"},
        {R"({"messages": [{"role": "user", "tool_call": {"method": "f", "parameters": {}}}]})",
         "only the assistant calls tools"},
        {R"({"messages": [{"role": "assistant", "tool_call": {"parameters": {}}}]})", "tool_call has no 'method'"},
        {R"({"messages": [{"role": "assistant", "tool_call": {"method": "f", "parameters": [1]}}]})",
         "the arguments of a call must be a JSON object"},
        {R"({"messages": [{"role": "assistant", "tool_calls": [{"type": "function"}]}]})", "a call has no 'function'"},
        {R"({"messages": [{"role": "user", "content": "x"}], "tools": 3})", "tools must be a list"},
    };
    for (const auto& [line, reason] : cases) {
        std::string message = problem_with(line);
        EXPECT_TRUE(message.starts_with("chat.jsonl:7: ")) << message;
        EXPECT_NE(message.find(reason), message.npos) << line << ": " << message;
        EXPECT_EQ(message.find('\n'), message.npos) << message;
    }
    EXPECT_NE(problem_with(std::string(5000, '[')), "no error");
}

}  // namespace puna
