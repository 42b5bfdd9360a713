#include "cli/conversation.h"

#include "core/fields.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

std::string problem(std::string_view json) {
    try {
        parse_conversation(json, "chat.json", {});
    } catch (const Error& error) {
        return error.what();
    }
    return {};
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

TEST(Conversation, InvalidFilesAreRejectedByName) {
    EXPECT_NE(problem("[]").find("chat.json: not a JSON object"), std::string::npos);
    EXPECT_NE(problem("{\"messages\": ").find("not valid JSON"), std::string::npos);
    EXPECT_NE(problem(R"({"messages": 3})").find("'messages' is not a list"), std::string::npos);
    EXPECT_NE(problem(R"({"messages": {"role": "user"}})").find("'messages' is not a list"), std::string::npos);
    EXPECT_NE(problem(R"({"messages": [3]})").find("message 1 is not an object"), std::string::npos);
    EXPECT_NE(problem(R"({"messages": [{"content": "x"}]})").find("role ''"), std::string::npos);
    EXPECT_NE(problem(R"({"messages": [{"role": "user"}]})").find("no text"), std::string::npos);
    EXPECT_NE(problem(R"({"messages": [{"role": "user", "content": ["x"]}]})").find("no text"), std::string::npos);
    EXPECT_NE(problem(R"({"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "x"}]})")
                  .find("role 'system'"),
              std::string::npos);
    EXPECT_NE(problem(R"({"messages": [], "messages": []})").find("duplicate key 'messages'"), std::string::npos);
    EXPECT_NE(problem(R"({"messages": [], "options": {}, "options": {}})").find("duplicate key 'options'"),
              std::string::npos);
    EXPECT_NE(problem(R"({"name": "package"})").find("has no 'messages'"), std::string::npos);
    EXPECT_NE(problem(R"({"tools": [], "messages": []})").find("has 'tools'"), std::string::npos);
    EXPECT_NE(
        problem(R"({"messages": [{"role": "assistant", "content": "x", "tool_calls": []}]})").find("has 'tool_calls'"),
        std::string::npos);
    EXPECT_NE(problem(R"({"options": []})").find("'options' is not an object"), std::string::npos);
    EXPECT_NE(problem(R"({"options": {"top_q": 1}})").find("Did you mean 'top_p'"), std::string::npos);
    EXPECT_NE(problem(R"({"options": {"top_p": 7}})").find("chat.json: options: top_p"), std::string::npos);
    EXPECT_NE(problem(R"({"options": {"max_tokens": -1}})").find("max_tokens"), std::string::npos);
}

TEST(Conversation, InvalidOptionsAreRejectedByFieldName) {
    auto with_options = [](std::string_view options) {
        return problem(fmt::format(R"({{"messages": [], "options": {}}})", options));
    };
    EXPECT_EQ(with_options(R"({"temperature": 1e999})"), "chat.json: options: temperature is out of range: 1e999");
    EXPECT_EQ(with_options(R"({"future": 1e999})"), "chat.json: options: unknown field 'future'");
    EXPECT_NE(with_options(R"({"stop": ["\ud800"]})").find("options: stop: a string contains a lone surrogate"),
              std::string::npos);
    std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    EXPECT_NE(with_options("{\"temperature\": " + deep + "}").find("options: temperature must be a number"),
              std::string::npos);
    EXPECT_NE(with_options("{\"stop\": " + deep + "}").find("options: stop must be a list of strings"),
              std::string::npos);
    EXPECT_EQ(problem("{\"messages\": [], \"deep\": " + deep + "}"), "");
}

TEST(Conversation, ConversationsTooLargeToReadAreNotSaved) {
    Conversation c;
    c.messages = {{.role = "user", .content = std::string(16 << 20, 'x')}};
    EXPECT_THROW(conversation_json(c), Error);
    c.messages[0].content.resize(7 << 20);
    c.messages[0].content += std::string(4 << 20, '\n');  // two bytes each in the file
    EXPECT_EQ(parse_conversation(conversation_json(c), "chat.json", {}).messages[0].content, c.messages[0].content);
    EXPECT_NE(problem(std::string((16 << 20) + 1, ' ')).find("chat.json: has 16777217 bytes"), std::string::npos);
}

}  // namespace
}  // namespace puna
