#include "data/text_hash.h"

#include "data/record.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

uint64_t hash_line(std::string_view line) {
    Record record = parse_record(line, "x.jsonl:1", "text");
    return record.conversation ? hash_conversation(record.conversation->messages) : hash_text(record.text);
}

TEST(TextHash, OnlyTheTextIsHashed) {
    uint64_t hash = hash_text("Le caf\u00e9 est\nbon.");
    for (const char* line : {R"({"text": "Le caf\u00e9 est\nbon."})", R"({"id": 7, "text": "Le café est\nbon.\n"})",
                             R"({"text": "\n Le caf\u00E9 est\r\nbon. ", "meta": {"text": "other"}})"})
        EXPECT_EQ(hash_line(line), hash) << line;
    EXPECT_EQ(hash_line(R"({"text": "\ufeffLe caf\u00e9 est\nbon."})"), hash);
    EXPECT_NE(hash_text("Le th\u00e9 est\nbon."), hash);
}

TEST(TextHash, OnlyRolesAndContentAreHashed) {
    auto chat = [](const std::string& user, const std::string& more) {
        return hash_line(R"({"messages": [{"role": "user", "content": )" + user +
                         R"(}, {"role": "assistant", "content": "Yes."}])" + more + "}");
    };
    uint64_t hash = chat(R"("Caf\u00e9?")", "");
    EXPECT_EQ(chat(R"("Café?", "name": "Ada")", R"(, "id": 12)"), hash);
    EXPECT_EQ(chat(R"([{"type": "text", "text": "Caf"}, {"text": "\u00e9?", "type": "text"}], "weight": 0)", ""), hash);
    EXPECT_NE(chat(R"("Tea?")", ""), hash);
}

TEST(TextHash, ToolCallsAreHashedIndependentlyOfTheirFormat) {
    auto call = [](const std::string& fields) {
        return hash_line(R"({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", )" + fields + "}]}");
    };
    uint64_t hash = call(R"("tool_call": {"method": "f", "parameters": {"a": "\u00e9", "b": 1}})");
    EXPECT_EQ(
        call(
            R"("content": null, "tool_calls": [{"id": "9", "function": {"arguments": "{\"a\":\"é\",\"b\":1}", "name": "f"}}])"),
        hash);
    EXPECT_NE(call(R"("tool_call": {"method": "f", "parameters": {"a": "\u00e9", "b": 2}})"), hash);
}

TEST(TextHash, TheOrderOfKeysAndTheSpellingOfNumbersDoNotMatter) {
    auto call = [](const std::string& arguments) {
        return hash_line(R"({"messages": [{"role": "assistant", "tool_call": {"method": "f", "parameters": )" +
                         arguments + "}}]}");
    };
    uint64_t hash = call(R"({"a": {"x": 1, "y": [2, "z"]}, "b": {}})");
    EXPECT_EQ(call(R"({"b": {}, "a": {"y": [2.0, "z"], "x": 1}})"), hash);
    for (const char* other :
         {R"({"a": {"x": 1, "y": ["z", 2]}, "b": {}})", R"({"b": {"x": 1, "y": [2, "z"]}, "a": {}})",
          R"({"a": {"x": 1, "y": [2, "z"]}, "b": []})", R"({"a": {"x": 1, "y": [2, "z"]}})"})
        EXPECT_NE(call(other), hash) << other;
}

TEST(TextHash, AToolResultEqualsItsJsonAsText) {
    auto result = [](const std::string& content) {
        return hash_line(R"({"messages": [{"role": "tool", "content": )" + content + "}]}");
    };
    EXPECT_EQ(result(R"("{\"b\": 2, \"a\": [1]}")"), result(R"({"a": [1], "b": 2})"));
    EXPECT_EQ(result(R"("[not JSON")"), result(R"("[not  JSON ")"));
    EXPECT_NE(result(R"("[not JSON")"), result(R"("[no JSON")"));
}

TEST(TextHash, AToolResultThatIsNoUsableJsonIsHashedAsText) {
    auto result = [](const std::string& content) {
        return hash_conversation(std::vector<Message>{{.role = "tool", .content = content}});
    };
    std::string deep(100'000, '[');
    deep += "1" + std::string(100'000, ']');
    EXPECT_EQ(result(deep), result(" " + deep));
    for (const char* unusable : {"[1e999, 2]", R"(["\ud800", 2])", "[NaN,\t2]"}) {
        EXPECT_EQ(result(unusable), result(std::string(unusable) + "\n")) << unusable;
        EXPECT_NE(result(unusable), result(std::string("[2, ") + unusable + "]")) << unusable;
    }
}

TEST(TextHash, AnEmptySystemMessageEqualsNone) {
    auto chat = [](const std::string& first) {
        return hash_line(R"({"messages": [)" + first + R"({"role": "user", "content": "x"}]})");
    };
    EXPECT_EQ(chat(R"({"role": "system", "content": " "},)"), chat(""));
    EXPECT_NE(chat(R"({"role": "system", "content": "Be kind."},)"), chat(""));
}

TEST(TextHash, AConversationHasOneHashInAllFormats) {
    uint64_t hash = hash_line(R"({"messages": [{"role": "user", "content": "Add.\n\n2 and 3"},
                                               {"role": "assistant", "content": "5"}]})");
    for (const char* line :
         {R"({"conversations": [{"from": "human", "value": "Add.\n\n2 and 3"}, {"from": "gpt", "value": "5"}]})",
          R"({"conversation": [{"role": "user", "content": "Add.\n\n2 and 3"}, {"from": "chatgpt", "value": "5"}]})",
          R"({"instruction": "Add.", "input": "2 and 3", "output": "5"})",
          R"({"instruction": "Add.\n\n2 and 3", "output": "5", "system": ""})",
          R"({"prompt": "Add.\n\n2 and 3", "completion": "5"})",
          R"({"prompt": [{"role": "user", "content": "Add.\n\n2 and 3"}], "response": "5", "id": 3})"})
        EXPECT_EQ(hash_line(line), hash) << line;
    EXPECT_NE(hash_line(R"({"instruction": "Add.", "input": "2 and 4", "output": "5"})"), hash);
}

TEST(TextHash, OnlyTheFirstPartOfALongTextIsHashed) {
    std::string text(hashed_text_bytes, 'x');
    EXPECT_EQ(hash_text(text), hash_text(text + "more"));
    EXPECT_NE(hash_text(text), hash_text("y" + text));
}

}  // namespace
}  // namespace puna
