#include "cli/conversation.h"

#include "core/atomic_file.h"
#include "core/fields.h"
#include "core/json_document.h"
#include "core/json_text.h"
#include "core/test_error.h"
#include "core/test_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string problem(std::string_view json) {
    return error_of([json] { parse_conversation(json, "chat.json", {}); });
}

TEST(Conversation, SavedConversationIsReadBackUnchanged) {
    Conversation saved{
        .options = {.sample = {.temperature = 0.3f, .top_k = 7, .seed = 5}, .max_tokens = 9, .stop = {"a", "b"}}};
    saved.messages = {{.role = "user", .content = "\"quoted\" \n \xc3\xa9 {}"}, {.role = "assistant", .content = ""}};
    saved.set_system("be kind");
    Conversation read = parse_conversation(conversation_json(saved), "chat.json", {});
    ASSERT_EQ(read.messages.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(read.messages[i].role, saved.messages[i].role);
        EXPECT_EQ(read.messages[i].content, saved.messages[i].content);
    }
    EXPECT_EQ(to_json(list_fields(read.options)), to_json(list_fields(saved.options)));
}

TEST(Conversation, MissingOptionsKeepTheirDefaults) {
    Conversation read = parse_conversation(R"({"options": {"top_k": 4}, "title": [{"role": 1}], "messages": []})",
                                           "chat.json", {.max_tokens = 12});
    EXPECT_EQ(read.options.max_tokens, 12);
    EXPECT_EQ(read.options.sample.top_k, 4);
    EXPECT_TRUE(read.messages.empty());
    EXPECT_EQ(parse_conversation(R"({"messages": []})", "chat.json", {.max_tokens = 12}).options.max_tokens, 12);
}

TEST(Conversation, SystemMessageComesFirstAndSurvivesReset) {
    Conversation c;
    c.messages = {{.role = "user", .content = "x"}};
    c.set_system("one");
    c.set_system("two");
    ASSERT_EQ(c.messages.size(), 2u);
    EXPECT_EQ(c.messages[0].content, "two");
    c.reset();
    EXPECT_EQ(c.messages.size(), 1u);
    c.set_system("");
    EXPECT_TRUE(c.messages.empty());
}

Conversation with_turns(int count) {
    Conversation c;
    c.set_system("be kind");
    for (int i = 1; i <= count; ++i) {
        c.messages.push_back({.role = "user", .content = fmt::format("question {}", i)});
        c.messages.push_back({.role = "assistant", .content = fmt::format("answer {}", i)});
    }
    return c;
}

TEST(Conversation, TurnsAreRemovedFromEitherEnd) {
    Conversation c = with_turns(3);
    c.messages.push_back({.role = "tool", .content = "a result"});
    c.messages.push_back({.role = "assistant", .content = "the end"});
    EXPECT_EQ(c.turns(), 3u);
    EXPECT_EQ(c.last_turns(9).size(), 3u);
    EXPECT_EQ(c.last_turns(2)[0][0].content, "question 2");
    EXPECT_EQ(c.remove_last_turn().size(), 4u) << "with tool calls and results";
    std::vector<Turn> oldest = c.remove_oldest_turns(1);
    ASSERT_EQ(oldest.size(), 1u);
    EXPECT_EQ(oldest[0][1].content, "answer 1");
    ASSERT_EQ(c.messages.size(), 3u);
    EXPECT_EQ(c.messages[0].content, "be kind");
    EXPECT_EQ(c.messages[1].content, "question 2");
    EXPECT_EQ(with_turns(0).turns(), 0u);
    EXPECT_TRUE(with_turns(0).remove_oldest_turns(0).empty());
}

TEST(Conversation, TheFewestOldestTurnsGoThatMakeRoom) {
    auto count = [](std::span<const Message> messages) { return static_cast<int64_t>(messages.size()); };
    Conversation c = with_turns(20);  // 41 messages
    EXPECT_EQ(turns_to_trim(c, 41, count), 0u);
    EXPECT_EQ(turns_to_trim(c, 40, count), 1u);
    EXPECT_EQ(turns_to_trim(c, 20, count), 11u);
    EXPECT_EQ(turns_to_trim(c, 0, count), 19u) << "the last one stays";
    EXPECT_EQ(turns_to_trim(with_turns(1), 0, count), 0u);
    EXPECT_EQ(turns_to_trim(with_turns(0), 0, count), 0u);
}

TEST(Conversation, EverythingInAFileIsSavedAgain) {
    std::string file = R"({"messages": [
        {"role": "user", "name": "Ada", "content": [{"type": "text", "text": "2 + 3?"}], "mood": {"good": true}},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}]},
        {"role": "tool", "content": "5", "tool_call_id": "c1"}, {"role": "system", "content": "be kind"}],
        "title": "sums"})";
    Conversation read = parse_conversation(file, "chat.json", {});
    std::string saved = conversation_json(read);
    JsonDocument before(file, "before"), after(saved, "after");
    EXPECT_EQ(compact_json(after.root().need("messages").raw()), compact_json(before.root().need("messages").raw()));
    EXPECT_EQ(after.root().text("title", ""), "sums");
    read.reset();
    EXPECT_THAT(conversation_json(read), Not(HasSubstr("sums"))) << "another conversation";
}

TEST(Conversation, InvalidFilesAreRejectedByName) {
    EXPECT_EQ(problem("[]"), "chat.json: not a JSON object");
    EXPECT_THAT(problem("{\"messages\": "), HasSubstr("not valid JSON"));
    EXPECT_EQ(problem(R"({"messages": 3})"), "chat.json: 'messages' must be a list");
    EXPECT_EQ(problem(R"({"messages": [3]})"), "chat.json: 'messages[0]' must be an object");
    EXPECT_EQ(problem(R"({"messages": [{"content": "x"}]})"), "chat.json: 'messages[0].role' is missing");
    EXPECT_THAT(problem(R"({"messages": [{"role": "cat", "content": "x"}]})"), HasSubstr("unknown role 'cat'"));
    EXPECT_THAT(problem(R"({"messages": [{"role": "user"}]})"),
                HasSubstr("messages[0]: a message with role user has no"));
    EXPECT_THAT(problem(R"({"messages": [], "messages": []})"), HasSubstr("duplicate field 'messages'"));
    EXPECT_THAT(problem(R"({"messages": [], "options": {}, "options": {}})"), HasSubstr("duplicate field 'options'"));
    EXPECT_THAT(problem(R"({"name": "package"})"), HasSubstr("has no 'messages'"));
    EXPECT_THAT(problem(R"({"tools": [], "messages": []})"), HasSubstr("has 'tools'"));
    EXPECT_THAT(problem(std::string((16 << 20) + 1, ' ')), HasSubstr("chat.json: 16777217 bytes are too many"));
}

TEST(Conversation, InvalidOptionsAreRejectedByFieldName) {
    auto with_options = [](std::string_view options) {
        return problem(fmt::format(R"({{"messages": [], "options": {}}})", options));
    };
    EXPECT_THAT(with_options("[]"), HasSubstr("'options' must be an object"));
    EXPECT_THAT(with_options(R"({"top_q": 1})"), HasSubstr("Did you mean 'top_p'"));
    EXPECT_THAT(with_options(R"({"top_p": 7})"), HasSubstr("chat.json: 'options.top_p'"));
    EXPECT_THAT(with_options(R"({"max_tokens": -1})"), HasSubstr("max_tokens"));
    EXPECT_EQ(with_options(R"({"temperature": 1e999})"), "chat.json: 'options.temperature' is out of range: 1e999");
    EXPECT_THAT(with_options(R"({"future": 1e999})"), HasSubstr("unknown field 'future'"));
    EXPECT_THAT(with_options(R"({"stop": ["\ud800"]})"), HasSubstr("'options.stop[0]' contains a lone surrogate"));
    std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    EXPECT_THAT(with_options("{\"temperature\": " + deep + "}"), HasSubstr("'options.temperature' must be a number"));
    EXPECT_THAT(with_options("{\"stop\": " + deep + "}"), HasSubstr("'options.stop' must be a list of strings"));
    EXPECT_EQ(problem("{\"messages\": [], \"deep\": " + deep + "}"), "no error");
}

TEST(Conversation, ConversationsTooLargeToReadAreNotSaved) {
    Conversation c;
    c.messages = {{.role = "user", .content = std::string(16 << 20, 'x')}};
    EXPECT_THROW(conversation_json(c), Error);
    c.messages[0].content.resize(7 << 20);
    c.messages[0].content += std::string(4 << 20, '\n');  // two bytes each in the file
    EXPECT_EQ(parse_conversation(conversation_json(c), "chat.json", {}).messages[0].content, c.messages[0].content);
}

class LoadedConversation : public testing::Test {
 protected:
    std::string write(const std::string& name, std::string_view content) {
        write_file(folder_ / name, content);
        return (folder_ / name).string();
    }
    // "user: Hi | assistant: Hello"
    static std::string turns(const std::string& name) {
        std::string text;
        for (const Message& message : load_conversation(name, {}).messages)
            text += fmt::format("{}{}: {}", text.empty() ? "" : " | ", message.role, message.content);
        return text;
    }

    TestFolder folder_;
};

TEST_F(LoadedConversation, IsWhatWasSavedUnderAnyName) {
    Conversation saved{.messages = {{.role = "user", .content = "Hi"}}, .options = {.max_tokens = 9}};
    for (const char* name : {"chat.json", "chat", "chat.txt"}) {
        std::string path = write(name, conversation_json(saved));
        EXPECT_EQ(turns(path), "user: Hi") << name;
        EXPECT_EQ(load_conversation(path, {}).options.max_tokens, 9) << name;
    }
}

TEST_F(LoadedConversation, MayBeInAnyFormatOfTrainingData) {
    EXPECT_EQ(turns(write("a.json", R"([{"instruction": "Hi", "output": "Hello"}])")), "user: Hi | assistant: Hello");
    std::string path =
        write("b.json", R"({"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]})");
    EXPECT_EQ(turns(path), "user: Hi | assistant: Hello");
    EXPECT_EQ(load_conversation(path, {.max_tokens = 7}).options.max_tokens, 7);
}

TEST_F(LoadedConversation, OfSeveralIsNamedByItsPlace) {
    std::string lines = write("a.jsonl",
                              "{\"prompt\": \"one\", \"completion\": \"1\"}\n\n"
                              "{\"prompt\": \"two\", \"completion\": \"2\"}\n"),
                array = write("a.json",
                              R"([{"instruction": "one", "output": "1"}, {"instruction": "two", "output": "2"}])");
    EXPECT_EQ(turns(lines + ":3"), "user: two | assistant: 2");
    EXPECT_EQ(turns(array + "[1]"), "user: two | assistant: 2");
    EXPECT_EQ(error_of([&] { turns(lines); }),
              lines + ": holds several conversations: name one of them, such as " + lines + ":3");
    EXPECT_THAT(error_of([&] { turns(array); }), HasSubstr("such as " + array + "[1]"));
    for (const std::string& name : {lines + ":2", lines + "[0]", array + "[2]", array + ":1"})
        EXPECT_THAT(error_of([&] { turns(name); }), HasSubstr("has no such conversation")) << name;
    EXPECT_EQ(turns(write("odd[1]", R"({"messages": [{"role": "user", "content": "Hi"}]})")), "user: Hi");
}

TEST_F(LoadedConversation, WhatIsNoneIsNamed) {
    EXPECT_THAT(error_of([] { turns("nowhere.json"); }), HasSubstr("nowhere.json: cannot open"));
    EXPECT_THAT(error_of([] { turns("nowhere.json:7"); }), HasSubstr("nowhere.json: cannot open"));
    EXPECT_THAT(error_of([&] { turns(write("a.json", R"({"text": "x"})")); }),
                HasSubstr("a.json: is not a conversation"));
    EXPECT_THAT(error_of([&] { turns(write("b.json", R"({"messages": [], "x": )")); }),
                HasSubstr("b.json:1: not valid"));
    EXPECT_THAT(error_of([&] { turns(write("c.json", R"({"messages": []} rest)")); }),
                HasSubstr("c.json:1: not valid"));
    EXPECT_THAT(
        error_of([&] { turns(write("d.json", R"({"instruction": "a", "output": "b", "tools": [{"name": "f"}]})")); }),
        HasSubstr("has 'tools'"));
}

}  // namespace
}  // namespace puna
