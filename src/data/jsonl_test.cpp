#include "data/jsonl.h"

#include "data/test_text.h"

#include <gtest/gtest.h>

namespace puna {

namespace {

JsonlDocument parse(std::string_view line, std::string_view text_field = "text") {
    return parse_jsonl(line, "chat.jsonl:7", text_field);
}

// Whether an assistant message with these fields is in the loss.
bool in_loss(std::string_view fields) {
    return parse(fmt::format(R"({{"messages": [{{"role": "assistant", "content": "x", {}}}]}})", fields))
        .messages[0]
        .in_loss;
}

std::string error_in(const std::string& line) {
    return error_message([&] { parse(line); });
}

}  // namespace

TEST(Jsonl, TextIsReadFromTheTextField) {
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

TEST(Jsonl, ToolCallsAreReadInBothForms) {
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

TEST(Jsonl, OtherFieldsOfMessagesAndVariablesGoToTheTemplate) {
    JsonlDocument document = parse(
        R"({"messages": [{"role": "user", "content": "x", "name": "Bob", "id": [1, {"a": "\ud800"}]}, {"role": "assistant",
            "reasoning_content": "so", "tool_calls": [{"id": "c1", "type": "function",
            "function": {"name": "f", "arguments": "{}"}}]}], "chat_template_kwargs": {"enable_thinking": false}})");
    const std::vector<MessageField>& user = document.messages[0].fields;
    ASSERT_EQ(user.size(), 2u);
    EXPECT_EQ(user[0].name + "=" + user[0].json, "name=\"Bob\"");
    EXPECT_EQ(user[1].json, R"([1, {"a": "\ud800"}])");
    const Message& assistant = document.messages[1];
    ASSERT_EQ(assistant.fields.size(), 1u);
    EXPECT_EQ(assistant.fields[0].json, "\"so\"");
    ASSERT_EQ(assistant.tool_calls[0].fields.size(), 1u);
    EXPECT_EQ(assistant.tool_calls[0].fields[0].json, "\"c1\"");
    EXPECT_EQ(document.variables, R"({"enable_thinking": false})");
}

TEST(Jsonl, ToolResultsMayBeTextOrJson) {
    Message text = parse(R"({"messages": [{"role": "tool", "content": "three"}]})").messages[0];
    EXPECT_FALSE(text.content_is_json);
    EXPECT_EQ(text.content, "three");
    Message list = parse(R"({"messages": [{"role": "tool", "content": [{"a": "b"}]}]})").messages[0];
    EXPECT_TRUE(list.content_is_json);
    EXPECT_EQ(list.content, R"([{"a":"b"}])");
}

TEST(Jsonl, ContentMayBeAListOfTextParts) {
    JsonlDocument document = parse(
        R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]})");
    EXPECT_EQ(document.messages[0].content, "ab");
}

TEST(Jsonl, ErrorsAreOneLineWithTheLocation) {
    const std::pair<const char*, const char*> cases[] = {
        {"{\"text\": \"x\"", "not valid JSON"},
        {"{\"text\": \"\xff\"}", "not valid JSON at byte 10: not valid UTF-8"},
        {"{\"text\": \"\xed\xa0\x80\"}", "not valid JSON at byte 10: not valid UTF-8"},
        {R"({"text": "\ud800"})", "lone surrogate"},
        {R"({"text": "a", "text": "b"})", "duplicate field 'text'"},
        {R"({"messages": [{"role": "user", "role": "assistant", "content": "x"}]})", "duplicate field 'role'"},
        {"[1]", "a line must be a JSON object"},
        {"{} {}", "not valid JSON"},
        {"{", "a record begins here and goes on in the next line"},
        {R"({"txt": "x"})", "has neither 'messages' nor 'text'"},
        {R"({"text": 5})", "'text' must be text"},
        {R"({"messages": "x"})", "messages must be a list"},
        {R"({"messages": []})", "the conversation has no messages"},
        {R"({"messages": [5]})", "a message must be a JSON object"},
        {R"({"messages": [{"content": "x"}]})", "a message has no 'role'"},
        {R"({"messages": [{"role": 5, "content": "x"}]})", "'role' must be text"},
        {R"({"messages": [{"role": "robot", "content": "x"}]})", "unknown role 'robot'"},
        {R"({"messages": [{"role": "user"}]})", "a message with role user has no 'content'"},
        {R"({"messages": [{"role": "user", "content": null}]})", "a message with role user has no 'content'"},
        {R"({"messages": [{"role": "user", "content": 5}]})", "content that is not text must be a list"},
        {R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})", "a content part is not text"},
        {R"({"messages": [{"role": "user", "content": [{"text": "x"}]}]})", "a content part has no 'type'"},
        {R"({"messages": [{"role": "user", "tool_call": {"method": "f", "parameters": {}}}]})",
         "only assistant messages can call tools"},
        {R"({"messages": [{"role": "assistant", "tool_call": {"parameters": {}}}]})", "tool_call has no 'method'"},
        {R"({"messages": [{"role": "assistant", "tool_call": {"method": "f", "parameters": [1]}}]})",
         "a call's arguments must be a JSON object"},
        {R"({"messages": [{"role": "assistant", "tool_calls": [{"type": "function"}]}]})", "a call has no 'function'"},
        {R"({"messages": [{"role": "user", "content": "x"}], "tools": 3})", "tools must be a list"},
    };
    for (const auto& [line, reason] : cases) {
        std::string message = error_in(line);
        EXPECT_TRUE(message.starts_with("chat.jsonl:7: ")) << message;
        EXPECT_NE(message.find(reason), message.npos) << line << ": " << message;
        EXPECT_EQ(message.find('\n'), message.npos) << message;
    }
    EXPECT_NE(error_in(std::string(5000, '[')), "no error");
}

TEST(Jsonl, IgnoredFieldsMayContainAnyJson) {
    std::string deep = std::string(5000, '[') + std::string(5000, ']');
    for (const std::string& field :
         {std::string("123456789012345678901234567890"), std::string("18446744073709551616"),
          std::string("-9223372036854775809"), std::string(100'000, '7'), std::string("1e999"),
          std::string("-1E-99999"), std::string("\"\\ud800\""), "\"" + std::string(200'000, 'x') + "\"",
          std::string("{\"k\": 1, \"k\": 2}"), deep}) {
        EXPECT_EQ(parse(fmt::format(R"({{"id": {}, "text": "hello", "id": {}}})", field, field)).text, "hello");
        JsonlDocument document = parse(
            fmt::format(R"({{"messages": [{{"role": "user", "x": {}, "content": "hi"}}], "x": {}}})", field, field));
        EXPECT_EQ(document.messages[0].content, "hi");
    }
    EXPECT_EQ(error_in(R"({"id": 12x, "text": "hello"})"),
              "chat.jsonl:7: not valid JSON at byte 9: expected ',' or '}'");
}

TEST(Jsonl, NumbersInToolCallsAndResultsKeepTheirDigits) {
    JsonlDocument document = parse(
        R"({"messages": [{"role": "assistant", "tool_call": {"method": "f", "parameters": {"a": 123456789012345678901234567890}}},
            {"role": "tool", "content": {"b": 18446744073709551616}}]})");
    EXPECT_EQ(document.messages[0].tool_calls[0].arguments, R"({"a":123456789012345678901234567890})");
    EXPECT_EQ(document.messages[1].content, R"({"b":18446744073709551616})");
}

TEST(Jsonl, FlagsSelectWhetherAMessageIsInTheLoss) {
    for (const char* field :
         {R"("name": "x")", R"("weight": 1)", R"("weight": 1.00)", R"("weight": null)", R"("train": true)",
          R"("train_on_turn": true, "weight": 1)", R"("loss": true)", R"("trainable": true)", R"("masked": false)",
          R"("label": "good")", R"("skip": "no")", R"("label": 0)", R"("include_in_loss": true)",
          R"("skip_loss": false)", R"("train_step": 0)", R"("loss_note": "none")", R"("training_sources": ["a"])"})
        EXPECT_TRUE(in_loss(field)) << field;
    for (const char* field :
         {R"("weight": 0)", R"("weight": 0.0)", R"("weight": 0e0)", R"("weight": -0)", R"("train": false)",
          R"("train_on_turn": false)", R"("loss": false, "weight": 0)", R"("trainable": false)", R"("training": false)",
          R"("compute_loss": false)", R"("calculate_loss": false)", R"("learn": false)", R"("assistant_mask": 0)",
          R"("loss_scale": 0.0)", R"("masked": true)", R"("label": false)"})
        EXPECT_FALSE(in_loss(field)) << field;
}

TEST(Jsonl, UnsupportedTrainingFieldsAreRejectedByName) {
    const std::pair<const char*, const char*> flags[] = {
        {R"("weight": 0.5)", "'weight' is 0.5: only 0 and 1"},
        {R"("weight": 2)", "'weight' is 2: only 0 and 1"},
        {R"("weight": 1e-999)", "'weight' is 1e-999: only 0 and 1"},
        {R"("weight": "0")", "'weight' is \"0\": only 0 and 1"},
        {R"("train": "no")", "'train' is \"no\": only 0 and 1"},
        {R"("weight": 1, "train": false)", "'train' contradicts 'weight'"},
        {R"("train": true, "masked": true)", "'masked' contradicts 'train'"},
        {R"("weight": 1, "weight": 1)", "duplicate field 'weight'"},
        {R"("train_detail": [{"begin_offset": 0, "end_offset": 3, "train": false}])",
         "'train_detail' would affect training"},
        {R"("skip": true)", "'skip' would affect training"},
        {R"("loss_mask": [0, 1])", "'loss_mask' is [0, 1]: only 0 and 1"},
        {R"("function_call": {"name": "f", "arguments": "{}"})", "'function_call' is not supported"},
        {R"("include_in_loss": false)", "'include_in_loss' is false: if it selects what is learned, use 'weight'"},
        {R"("token_weight": 0.5)", "'token_weight' is 0.5"},
        {R"("turn_weights": [0, 1])", "'turn_weights' is [0, 1]"},
        {R"("Train": false)", "'Train' is false"},
        {R"("skip_loss": true)", "'skip_loss' is true"},
        {R"("exclude": true)", "'exclude' is true"},
        {R"("no_train": true)", "'no_train' is true"},
    };
    for (const auto& [fields, reason] : flags) {
        std::string message = error_message([&, text = std::string(fields)] { in_loss(text); });
        EXPECT_TRUE(message.starts_with("chat.jsonl:7: ")) << message;
        EXPECT_NE(message.find(reason), message.npos) << fields << ": " << message;
    }
    EXPECT_NE(error_in(R"({"messages": [{"role": "user", "content": "x", "weight": 1}]})")
                  .find("puts a message with role user in the loss"),
              std::string::npos);
}

TEST(Jsonl, LossFieldsOfALineAreRejectedUnlessTheyKeepIt) {
    const std::pair<const char*, const char*> fields[] = {
        {R"("weight": 0.5)", "'weight' is 0.5"},
        {R"("weight": 0)", "'weight' is 0: remove the line"},
        {R"("train": false)", "'train' is false: remove the line"},
        {R"("loss": false)", "'loss' is false: remove the line"},
        {R"("train_on_turn": false)", "'train_on_turn' is false: remove the line"},
        {R"("loss_scale": 0.5)", "'loss_scale' is 0.5: only 0 and 1"},
        {R"("masked": true)", "'masked' is true: remove the line"},
        {R"("completion_mask": [0, 1])", "'completion_mask' is [0, 1]: only 0 and 1"},
        {R"("assistant_masks": [0, 1])", "'assistant_masks' is [0, 1]: only 0 and 1"},
        {R"("label": false)", "'label' is false: remove the line"},
        {R"("labels": [1, 2])", "'labels' would affect training"},
        {R"("train_on_inputs": true)", "'train_on_inputs' would affect training"},
    };
    for (const char* document : {R"("text": "x")", R"("messages": [{"role": "assistant", "content": "x"}])"}) {
        for (const auto& [field, reason] : fields) {
            std::string message = error_in(fmt::format("{{{}, {}}}", document, field));
            EXPECT_TRUE(message.starts_with("chat.jsonl:7: ")) << message;
            EXPECT_NE(message.find(reason), message.npos) << field << ": " << message;
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

TEST(Jsonl, LossFieldsOfPartsOfAMessageMustAgreeWithIt) {
    auto error = [](const char* role, const char* fields, const char* part) {
        return error_in(
            fmt::format(R"({{"messages": [{{"role": "{}"{}, "content": [{{"type": "text", "text": "x", {}}}]}}]}})",
                        role, fields, part));
    };
    EXPECT_EQ(error("assistant", "", R"("train": true)"), "no error");
    EXPECT_EQ(error("user", "", R"("train": false)"), "no error");
    EXPECT_EQ(error("assistant", R"(, "weight": 0)", R"("weight": 0)"), "no error");
    EXPECT_NE(
        error("assistant", "", R"("weight": 0)").find("'weight' of a content part is 0: a message is in the loss"),
        std::string::npos);
    EXPECT_NE(error("assistant", R"(, "train": false)", R"("train": true)").find("'train' of a content part is true"),
              std::string::npos);
    EXPECT_NE(error("user", "", R"("train": true)").find("'train' of a content part is true"), std::string::npos);
    EXPECT_NE(error_in(R"({"messages": [{"role": "assistant", "tool_calls": [{"weight": 0, "function": )"
                       R"({"name": "f", "arguments": "{}"}}]}]})")
                  .find("'weight' of a call is 0"),
              std::string::npos);
}

TEST(Jsonl, FieldsThatWouldChangeThePromptAreRejectedByName) {
    const std::string chat = R"("messages": [{"role": "assistant", "content": "x"}])";
    const std::pair<std::string, const char*> lines[] = {
        {R"({"system": "be kind", )" + chat + "}", "'system' would affect training"},
        {"{" + chat + R"(, "functions": []})", "'functions' would affect training"},
        {"{" + chat + R"(, "text": "abc"})", "has both 'messages' and 'text': remove one of them"},
        {"{" + chat + R"(, "prompt": "a", "completion": "b"})", "has both 'messages' and 'completion'"},
    };
    for (const auto& [line, reason] : lines)
        EXPECT_NE(error_in(line).find(reason), std::string::npos) << error_in(line);
    EXPECT_EQ(error_in("{" + chat + R"(, "text": null, "prompt": "a"})"), "no error");
}

TEST(Jsonl, MessagesAsTheTextFieldAreNamedOnce) {
    EXPECT_EQ(error_message([] { parse(R"({"text": "x"})", "messages"); }), "chat.jsonl:7: has no 'messages'");
    EXPECT_EQ(parse(R"({"messages": [{"role": "user", "content": "x"}]})", "messages").messages.size(), 1u);
}

TEST(Jsonl, OtherFormatsAreNamed) {
    const std::pair<const char*, const char*> lines[] = {
        {R"({"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]})", "ShareGPT"},
        {R"({"prompt": "Q", "completion": "A"})", "prompt and completion"},
        {R"({"instruction": "Q", "input": "", "output": "A"})", "Alpaca"},
        {R"({"prompt": "Q", "chosen": "A", "rejected": "B"})", "preference pairs"},
    };
    for (const auto& [line, name] : lines) {
        std::string message = error_in(line);
        EXPECT_TRUE(message.starts_with("chat.jsonl:7: has the format ")) << message;
        EXPECT_NE(message.find(name), message.npos) << message;
        EXPECT_NE(message.find("convert it to \"messages\""), message.npos) << message;
    }
}

}  // namespace puna
