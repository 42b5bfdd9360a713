#include "data/record.h"

#include "data/test_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {

namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Record parse(std::string_view line, std::string_view text_field = "text") {
    return parse_record(line, "chat.jsonl:7", text_field);
}

std::string error_in(const std::string& line) {
    return error_of([&] { parse(line); });
}

}  // namespace

TEST(Record, TextIsReadFromTheTextField) {
    EXPECT_EQ(parse(R"({"id": 3, "text": "caf\u00e9\n"})").text, "caf\xc3\xa9\n");
    EXPECT_EQ(parse(R"({"body": "x"})", "body").text, "x");
    EXPECT_FALSE(parse(R"({"text": "x"})").conversation);
    EXPECT_EQ(parse(R"("a string is a text")").text, "a string is a text");
}

TEST(Record, AByteOrderMarkIsNoPartOfAText) {
    for (const char* json : {"{\"text\": \"\xef\xbb\xbf"
                             "a\"}",
                             R"({"text": "\ufeffa"})", R"("\ufeffa")"})
        EXPECT_EQ(parse(json).text, "a") << json;
    EXPECT_EQ(parse(R"("a\ufeff")").text, "a\xef\xbb\xbf");
}

TEST(Record, AConversationHasMessagesAndTools) {
    TrainingConversation conversation =
        *parse(R"({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
                                       "tools": [{"type": "function", "function": {"name": "f"}}]})")
             .conversation;
    ASSERT_EQ(conversation.messages.size(), 2u);
    EXPECT_EQ(conversation.messages[0].role, "user");
    EXPECT_EQ(conversation.messages[1].content, "Hello");
    EXPECT_EQ(conversation.tools, (std::vector<std::string>{R"({"type":"function","function":{"name":"f"}})"}));
}

TEST(Record, MessagesAreReadWithTheirLocation) {
    TrainingConversation conversation = *parse(R"({"messages": [{"role": "user", "content": "x", "name": "Bob"}],
                                       "chat_template_kwargs": {"enable_thinking": false}})")
                                             .conversation;
    EXPECT_EQ(conversation.messages[0].name, "Bob");
    EXPECT_EQ(conversation.variables, R"({"enable_thinking": false})");
    EXPECT_EQ(error_in(R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})"),
              "chat.jsonl:7: messages[0].content[0]: 'image_url' is not supported, only parts of the type 'text' are");
}

TEST(Record, ErrorsAreOneLineWithTheLocation) {
    const std::pair<const char*, const char*> cases[] = {
        {"{\"text\": \"x\"", "not valid JSON"},
        {"{\"text\": \"\xff\"}", "not valid JSON at byte 10: not valid UTF-8"},
        {"{\"text\": \"\xed\xa0\x80\"}", "not valid JSON at byte 10: not valid UTF-8"},
        {R"({"text": "\ud800"})", "lone surrogate"},
        {R"({"text": "a", "text": "b"})", "duplicate field 'text'"},
        {"[1]", "is an array, not a document: a file that is one array of documents is named .json"},
        {"5", "not a JSON object"},
        {"{} {}", "not valid JSON"},
        {"{", "a record begins here and goes on in the next line"},
        {R"({"txt": "x"})", "nor a text in 'text': text_field names another field"},
        {R"({"text": 5})", "'text' must be a string"},
        {R"({"messages": "x"})", "'messages' must be a list"},
        {R"({"messages": []})", "the conversation has no messages"},
        {R"({"messages": [{"role": "user", "content": "x"}], "tools": 3})", "'tools' must be a list"},
    };
    for (const auto& [line, reason] : cases)
        EXPECT_THAT(error_in(line), AllOf(StartsWith("chat.jsonl:7: "), HasSubstr(reason), Not(HasSubstr("\n"))))
            << line;
    EXPECT_NE(error_in(std::string(5000, '[')), "no error");
}

TEST(Record, IgnoredFieldsMayContainAnyJson) {
    std::string deep = std::string(5000, '[') + std::string(5000, ']');
    for (const std::string& field :
         {std::string("123456789012345678901234567890"), std::string("18446744073709551616"),
          std::string("-9223372036854775809"), std::string(100'000, '7'), std::string("1e999"),
          std::string("-1E-99999"), std::string("\"\\ud800\""), "\"" + std::string(200'000, 'x') + "\"",
          std::string("{\"k\": 1, \"k\": 2}"), deep})
        EXPECT_EQ(parse(fmt::format(R"({{"id": {}, "text": "hello", "id": {}}})", field, field)).text, "hello");
    EXPECT_EQ(error_in(R"({"id": 12x, "text": "hello"})"),
              "chat.jsonl:7: not valid JSON at byte 9: expected ',' or '}'");
}

TEST(Record, LossFieldsOfALineAreRejectedUnlessTheyKeepIt) {
    const std::pair<const char*, const char*> fields[] = {
        {R"("weight": 0.5)", "'weight' is 0.5"},
        {R"("weight": 0)", "'weight' is 0: remove the record"},
        {R"("train": false)", "'train' is false: remove the record"},
        {R"("loss": false)", "'loss' is false: remove the record"},
        {R"("train_on_turn": false)", "'train_on_turn' is false: remove the record"},
        {R"("loss_scale": 0.5)", "'loss_scale' is 0.5: only 0 and 1"},
        {R"("masked": true)", "'masked' is true: remove the record"},
        {R"("completion_mask": [0, 1])", "'completion_mask' is [0, 1]: only 0 and 1"},
        {R"("assistant_masks": [0, 1])", "'assistant_masks' is [0, 1]: only 0 and 1"},
        {R"("label": false)", "'label' is false: remove the record"},
        {R"("labels": [1, 2])", "'labels' would affect training"},
        {R"("train_on_inputs": true)", "'train_on_inputs' would affect training"},
    };
    for (const char* document : {R"("text": "x")", R"("messages": [{"role": "assistant", "content": "x"}])"}) {
        for (const auto& [field, reason] : fields) {
            std::string message = error_in(fmt::format("{{{}, {}}}", document, field));
            EXPECT_THAT(message, AllOf(StartsWith("chat.jsonl:7: "), HasSubstr(reason))) << field;
        }
        for (const char* neutral : {R"("weight": 1)", R"("loss": true)", R"("loss_scale": 1.0)", R"("masked": null)",
                                    R"("masked": false)", R"("train_on_inputs": false)", R"("label": "spam")"})
            EXPECT_EQ(error_in(fmt::format("{{{}, {}}}", document, neutral)), "no error") << neutral;
    }
    EXPECT_EQ(error_in(R"({"messages": [{"role": "user", "content": "x", "is_train": false}, {"role": "assistant",
        "content": "y"}], "score": NaN, "more": [Infinity, -Infinity]})"),
              "no error");
    EXPECT_EQ(parse(R"({"text": "x", "weight": 1, "system": "no conversation", "labels": null})").text, "x");
}

TEST(Record, FieldsThatWouldChangeThePromptAreRejectedByName) {
    const std::string chat = R"("messages": [{"role": "assistant", "content": "x"}])";
    const std::pair<std::string, const char*> lines[] = {
        {R"({"system": "be kind", )" + chat + "}", "'system' would affect training"},
        {"{" + chat + R"(, "functions": []})", "'functions' would affect training"},
        {"{" + chat + R"(, "text": "abc"})", "has both 'messages' and 'text': remove one of them"},
        {"{" + chat + R"(, "prompt": "a", "completion": "b"})", "has both 'messages' and 'completion'"},
    };
    for (const auto& [line, reason] : lines) EXPECT_THAT(error_in(line), HasSubstr(reason));
    EXPECT_EQ(error_in("{" + chat + R"(, "text": null, "prompt": "a"})"), "no error");
}

TEST(Record, MessagesAsTheTextFieldAreNamedOnce) {
    EXPECT_EQ(error_of([] { parse(R"({"text": "x"})", "messages"); }), "chat.jsonl:7: has no 'messages'");
    EXPECT_EQ(parse(R"({"messages": [{"role": "user", "content": "x"}]})", "messages").conversation->messages.size(),
              1u);
}

TEST(Record, WhatIsNoConversationIsNamed) {
    const std::pair<const char*, const char*> lines[] = {
        {R"({"instruction": "Q", "input": ""})", "an instruction without 'output'"},
        {R"({"prompt": "Q", "chosen": "A", "rejected": "B"})", "preference pairs"},
        {R"({"question": "Q", "answer": "A"})", "a question and its answer"},
        {R"({"role": "user", "content": "A"})", "a message that is in no list"},
    };
    for (const auto& [line, name] : lines) {
        EXPECT_THAT(error_in(line), AllOf(StartsWith("chat.jsonl:7: holds "), HasSubstr(name),
                                          HasSubstr("convert it to \"messages\"")));
    }
}

TEST(Record, TheNamedTextFieldIsTheText) {
    EXPECT_EQ(parse(R"({"instruction": "Q", "output": "A"})", "output").text, "A");
    EXPECT_EQ(parse(R"({"prompt": "Q", "completion": "A"})", "prompt").text, "Q");
    EXPECT_THAT(error_in(R"({"instruction": "Q", "output": "A", "text": "T"})"),
                HasSubstr("has both 'instruction' and 'text': remove one of them"));
}

TEST(Record, AnInputsBadRecordSaysWhetherItsEncodingMayBeAnother) {
    for (const auto& [json, encoding] :
         {std::pair("{\"text\": \"caf\xe9\"}", true), std::pair("{\"text\": 5}", false)}) {
        try {
            read_record(json, "a.jsonl:3", "a.jsonl", "text");
            ADD_FAILURE() << json;
        } catch (const BadInput& problem) {
            EXPECT_EQ(problem.encoding, encoding) << problem.what();
            EXPECT_EQ(problem.path, "a.jsonl");
            EXPECT_EQ(problem.extent, BadInput::record);
        }
    }
}

}  // namespace puna
