#include "chat/messages.h"

#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

std::vector<Message> read(std::string_view list) {
    JsonDocument document(list, "chat.json", message_limits);
    return read_messages(document.root());
}

Message read_one(std::string_view message) { return read(fmt::format("[{}]", message)).at(0); }

std::string error_in(const std::string& message) {
    return error_of([&] { read_one(message); });
}

// An assistant message with these fields.
Message assistant(std::string_view fields) {
    return read_one(fmt::format(R"({{"role": "assistant", "content": "x", {}}})", fields));
}

std::string fields_of(const std::vector<MessageField>& fields) {
    std::string text;
    for (const MessageField& field : fields) text += fmt::format("{}={};", field.name, field.json);
    return text;
}

TEST(Messages, HaveOpenAisFields) {
    std::vector<Message> messages = read(R"([
        {"role": "user", "content": "2 + 3?", "name": "Ada"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{\"a\": 2}"}},
            {"id": "c2", "type": "function", "function": {"name": "sub", "arguments": {"b": 1}}}]},
        {"role": "tool", "content": "five", "tool_call_id": "c1", "name": "add"}])");
    ASSERT_THAT(messages, SizeIs(3));
    EXPECT_EQ(messages[0].role, "user");
    EXPECT_EQ(messages[0].content, "2 + 3?");
    EXPECT_EQ(messages[0].name, "Ada");
    EXPECT_EQ(messages[1].content, "");
    ASSERT_THAT(messages[1].tool_calls, SizeIs(2));
    EXPECT_EQ(messages[1].tool_calls[0].id, "c1");
    EXPECT_EQ(messages[1].tool_calls[0].name, "add");
    EXPECT_EQ(messages[1].tool_calls[0].arguments, R"({"a": 2})");
    EXPECT_EQ(messages[1].tool_calls[1].arguments, R"({"b":1})");
    EXPECT_EQ(messages[2].tool_call_id, "c1");
    EXPECT_EQ(messages[2].name, "add");
    for (const Message& message : messages) EXPECT_THAT(message.fields, IsEmpty());
}

std::vector<Message> read_training_data(std::string_view list) {
    JsonDocument document(list, "chat.json", message_limits);
    return read_messages(document.root(), MessageForm::training_data);
}

TEST(Messages, TrainingDataMayHaveShareGptsNames) {
    std::vector<Message> messages = read_training_data(R"([
        {"from": "system", "value": "s"}, {"from": "human", "value": "a", "mood": 1}, {"from": "gpt", "value": "b"},
        {"from": "USER", "value": "c"}, {"role": "assistant", "value": "d", "weight": 0},
        {"from": "chatgpt", "content": "e"}, {"from": "tool", "value": {"x": 1}}, {"role": "bing", "content": "f"}])");
    ASSERT_THAT(messages, SizeIs(8));
    std::string roles, contents;
    for (const Message& message : messages) {
        roles += message.role.substr(0, 1);
        contents += message.content;
    }
    EXPECT_EQ(roles, "suauaata");
    EXPECT_EQ(contents, R"(sabcde{"x":1}f)");
    EXPECT_EQ(fields_of(messages[1].fields), "mood=1;");
    EXPECT_FALSE(messages[4].in_loss);
    EXPECT_TRUE(messages[5].in_loss);
}

TEST(Messages, TrainingDataMayHaveCallsAsTurns) {
    std::vector<Message> messages = read_training_data(R"([
        {"from": "function_call", "value": "{\"name\": \"add\", \"arguments\": {\"a\": 2}}"},
        {"from": "observation", "value": "5"},
        {"from": "function_call", "value": [{"name": "f", "arguments": "{}"}, {"name": "g", "arguments": {}}]}])");
    ASSERT_THAT(messages, SizeIs(3));
    EXPECT_EQ(messages[0].role, "assistant");
    EXPECT_EQ(messages[0].content, "");
    EXPECT_EQ(messages[0].tool_calls.at(0).name, "add");
    EXPECT_EQ(messages[0].tool_calls.at(0).arguments, R"({"a":2})");
    EXPECT_EQ(messages[1].role, "tool");
    EXPECT_EQ(messages[2].tool_calls.at(1).name, "g");
}

TEST(Messages, ShareGptsNamesAreNamedInErrors) {
    auto error_in = [](std::string_view message) {
        return error_of([&] { read_training_data(fmt::format("[{}]", message)); });
    };
    EXPECT_EQ(error_in(R"({"from": "cat", "value": "x"})"),
              "chat.json: [0].from: unknown role 'cat': use system, user, assistant or tool");
    EXPECT_EQ(error_in(R"({"from": "gpt"})"), "chat.json: [0]: a message with role assistant has no 'content'");
    EXPECT_EQ(error_in(R"({"value": "x"})"), "chat.json: '[0].role' is missing");
    EXPECT_EQ(error_in(R"({"from": "gpt", "role": "user", "value": "x"})"),
              "chat.json: [0]: has both 'role' and 'from': remove one of them");
    EXPECT_EQ(error_in(R"({"from": "gpt", "content": "y", "value": "x"})"),
              "chat.json: [0]: has both 'content' and 'value': remove one of them");
    EXPECT_EQ(error_in(R"({"from": "function_call", "value": "{\"name\": 5}"})"),
              "chat.json: [0].value: 'name' must be a string");
    EXPECT_EQ(error_in(R"({"from": "human", "value": "x", "weight": 1})"),
              "chat.json: [0]: 'weight' puts a message with role user in the loss, but only assistant messages can be "
              "in it");
}

TEST(Messages, RequestsHaveOpenAisNamesOnly) {
    EXPECT_THAT(error_in(R"({"from": "human", "value": "x"})"), HasSubstr("'[0].role' is missing"));
    EXPECT_THAT(error_in(R"({"role": "human", "content": "x"})"), HasSubstr("unknown role 'human'"));
    EXPECT_THAT(error_in(R"({"role": "User", "content": "x"})"), HasSubstr("unknown role 'User'"));
    EXPECT_EQ(fields_of(read_one(R"({"role": "user", "content": "x", "value": 3})").fields), "value=3;");
}

TEST(Messages, CallsMayHaveAShorterForm) {
    for (const char* call : {R"("tool_call": {"method": "add", "parameters": {"a": 1}})",
                             R"("tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}])"}) {
        Message message = read_one(fmt::format(R"({{"role": "assistant", {}}})", call));
        ASSERT_THAT(message.tool_calls, SizeIs(1)) << call;
        EXPECT_EQ(message.tool_calls[0].name, "add");
        EXPECT_EQ(message.tool_calls[0].arguments, R"({"a":1})");
    }
}

TEST(Messages, ContentMayBeAListOfTextParts) {
    Message message = read_one(
        R"({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "lang": "de"}]})");
    ASSERT_THAT(message.parts, SizeIs(2));
    EXPECT_EQ(message.parts[0].text, "a");
    EXPECT_EQ(fields_of(message.parts[1].fields), "lang=\"de\";");
    EXPECT_EQ(text_of(message), "ab");
    EXPECT_EQ(text_of(read_one(R"({"role": "user", "content": []})")), "");
}

TEST(Messages, ToolResultsMayBeTextOrJson) {
    Message text = read_one(R"({"role": "tool", "content": "three"})");
    EXPECT_EQ(text.content_kind, ContentKind::text);
    EXPECT_EQ(text.content, "three");
    Message list = read_one(R"({"role": "tool", "content": [{"a": "b"}]})");
    EXPECT_EQ(list.content_kind, ContentKind::json);
    EXPECT_EQ(list.content, R"([{"a":"b"}])");
}

TEST(Messages, OtherFieldsAreKeptForTheTemplate) {
    std::vector<Message> messages = read(
        R"([{"role": "user", "content": "x", "mood": "good", "id": [1, {"a": "\ud800"}]}, {"role": "assistant",
            "reasoning_content": "so", "tool_calls": [{"id": "c1", "index": 0, "type": "function",
            "function": {"name": "f", "arguments": "{}"}}]}])");
    EXPECT_EQ(fields_of(messages[0].fields), R"(mood="good";id=[1, {"a": "\ud800"}];)");
    EXPECT_EQ(fields_of(messages[1].fields), R"(reasoning_content="so";)");
    EXPECT_EQ(fields_of(messages[1].tool_calls[0].fields), "index=0;");
}

TEST(Messages, OtherFieldsMayHoldAnyJson) {
    std::string deep = std::string(5000, '[') + std::string(5000, ']');
    for (const std::string& field : {std::string("123456789012345678901234567890"), std::string("1e999"),
                                     std::string("\"\\ud800\""), std::string("{\"k\": 1, \"k\": 2}"), deep}) {
        Message message =
            read_one(fmt::format(R"({{"role": "user", "x": {}, "content": "hi", "x": {}}})", field, field));
        EXPECT_EQ(message.content, "hi");
        EXPECT_EQ(fields_of(message.fields), fmt::format("x={0};x={0};", field));
    }
}

TEST(Messages, NumbersInToolCallsAndResultsKeepTheirDigits) {
    std::vector<Message> messages = read(
        R"([{"role": "assistant", "tool_call": {"method": "f", "parameters": {"a": 123456789012345678901234567890}}},
            {"role": "tool", "content": {"b": 18446744073709551616}}])");
    EXPECT_EQ(messages[0].tool_calls[0].arguments, R"({"a":123456789012345678901234567890})");
    EXPECT_EQ(messages[1].content, R"({"b":18446744073709551616})");
}

TEST(Messages, WhatIsWrittenReadsAsTheSameMessages) {
    for (
        const char* list : {
            R"([{"role":"user","name":"Ada","content":"\"x\"\n\u0001 é","mood":{"a":[1e999]}}])",
            R"([{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"},"index":0},{"type":"function","function":{"name":"g","arguments":"{}"}}]}])",
            R"([{"role":"tool","name":"f","content":{"b":18446744073709551616},"tool_call_id":"c1"},{"role":"tool","content":"5"}])",
            R"([{"role":"system","content":[{"type":"text","text":"a"},{"type":"text","text":"b","cache_control":{"type":"ephemeral"}}]}])",
            R"([{"role":"assistant","content":"x","weight":0}])",
            R"([{"role":"assistant","content":"","refusal":null,"name":null}])",
            "[]",
        }) {
        std::string written = messages_json(read(list)).text();
        EXPECT_EQ(written, messages_json(read(written)).text());
        EXPECT_EQ(JsonDocument(written, "written").root().raw(), compact_json(list));
    }
}

TEST(Messages, WhatCannotBeRenderedIsRejectedByName) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"role": "robot", "content": "x"})", "chat.json: [0].role: unknown role 'robot': use system, user"},
        {R"({"role": "developer", "content": "x"})", "unknown role 'developer'"},
        {R"({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}]})",
         "chat.json: [0].content[1]: 'image_url' is not supported, only parts of the type 'text' are"},
        {R"({"role": "user", "content": [{"type": "input_audio"}]})", "'input_audio' is not supported"},
        {R"({"role": "assistant", "content": "x", "function_call": {"name": "f", "arguments": "{}"}})",
         "'function_call' is not supported: convert it to 'tool_calls'"},
        {R"({"role": "assistant", "content": "x", "audio": {"id": "a1"}})",
         "'audio' is not supported: put its transcript into 'content'"},
        {R"({"role": "assistant", "content": null, "refusal": "I cannot."})",
         "'refusal' is not supported: put its text into 'content'"},
        {R"({"role": "user", "content": "x", "tool_call": {"method": "f", "parameters": {}}})",
         "only assistant messages can call tools, not messages with role user"},
    };
    for (auto [text, reason] : cases) {
        const char* message = text;  // clang 14 captures no structured bindings
        EXPECT_THAT(error_of([&] { read_one(message); }),
                    AllOf(StartsWith("chat.json: "), HasSubstr(reason), Not(HasSubstr("\n"))));
        EXPECT_EQ(error_kind_of([&] { read_one(message); }), ErrorKind::unsupported);
    }
}

TEST(Messages, ErrorsNameThePath) {
    const std::pair<const char*, const char*> cases[] = {
        {"5", "'[0]' must be an object"},
        {R"({"content": "x"})", "'[0].role' is missing"},
        {R"({"role": 5, "content": "x"})", "'[0].role' must be a string"},
        {R"({"role": "user"})", "[0]: a message with role user has no 'content'"},
        {R"({"role": "user", "content": null})", "a message with role user has no 'content'"},
        {R"({"role": "user", "content": 5})", "'[0].content' must be a string or a list of parts"},
        {R"({"role": "user", "content": "\ud800"})", "'[0].content' contains a lone surrogate"},
        {R"({"role": "user", "content": [{"text": "x"}]})", "'[0].content[0].type' is missing"},
        {R"({"role": "user", "content": "x", "name": 5})", "'[0].name' must be a string"},
        {R"({"role": "user", "role": "assistant", "content": "x"})", "duplicate field '[0].role'"},
        {R"({"role": "user", "content": "x", "weight": 0, "weight": 0})", "duplicate field '[0].weight'"},
        {R"({"role": "assistant", "tool_call": {"parameters": {}}})", "'[0].tool_call.method' is missing"},
        {R"({"role": "assistant", "tool_call": {"method": "f", "parameters": [1]}})",
         "'[0].tool_call.parameters' must be an object, or its JSON as a string"},
        {R"({"role": "assistant", "tool_calls": [{"type": "function"}]})", "'[0].tool_calls[0].function' is missing"},
        {R"({"role": "assistant", "tool_calls": {}})", "'[0].tool_calls' must be a list"},
    };
    for (const auto& [message, reason] : cases)
        EXPECT_THAT(error_in(message), AllOf(StartsWith("chat.json: "), HasSubstr(reason), Not(HasSubstr("\n"))));
    EXPECT_EQ(error_of([] { read("{}"); }), "chat.json: must be a list");
}

TEST(Messages, FlagsSelectWhetherAMessageIsInTheLoss) {
    for (const char* field :
         {R"("name": "x")", R"("weight": 1)", R"("weight": 1.00)", R"("weight": null)", R"("train": true)",
          R"("train_on_turn": true, "weight": 1)", R"("loss": true)", R"("trainable": true)", R"("masked": false)",
          R"("label": "good")", R"("skip": "no")", R"("label": 0)", R"("include_in_loss": true)",
          R"("skip_loss": false)", R"("train_step": 0)", R"("loss_note": "none")", R"("training_sources": ["a"])"})
        EXPECT_TRUE(assistant(field).in_loss) << field;
    for (const char* field :
         {R"("weight": 0)", R"("weight": 0.0)", R"("weight": 0e0)", R"("weight": -0)", R"("train": false)",
          R"("train_on_turn": false)", R"("loss": false, "weight": 0)", R"("trainable": false)", R"("training": false)",
          R"("compute_loss": false)", R"("calculate_loss": false)", R"("learn": false)", R"("assistant_mask": 0)",
          R"("loss_scale": 0.0)", R"("masked": true)", R"("label": false)"})
        EXPECT_FALSE(assistant(field).in_loss) << field;
    EXPECT_EQ(fields_of(assistant(R"("weight": 0, "label": "good", "train": null)").fields),
              R"(label="good";train=null;)");
}

TEST(Messages, UnsupportedTrainingFieldsAreRejectedByName) {
    const std::pair<const char*, const char*> flags[] = {
        {R"("weight": 0.5)", "'weight' is 0.5: only 0 and 1"},
        {R"("weight": 2)", "'weight' is 2: only 0 and 1"},
        {R"("weight": 1e-999)", "'weight' is 1e-999: only 0 and 1"},
        {R"("weight": "0")", "'weight' is \"0\": only 0 and 1"},
        {R"("train": "no")", "'train' is \"no\": only 0 and 1"},
        {R"("weight": 1, "train": false)", "'train' contradicts 'weight'"},
        {R"("train": true, "masked": true)", "'masked' contradicts 'train'"},
        {R"("train_detail": [{"begin_offset": 0, "end_offset": 3, "train": false}])",
         "'train_detail' would affect training"},
        {R"("skip": true)", "'skip' would affect training"},
        {R"("loss_mask": [0, 1])", "'loss_mask' is [0, 1]: only 0 and 1"},
        {R"("include_in_loss": false)", "'include_in_loss' is false: if it selects what is learned, use 'weight'"},
        {R"("token_weight": 0.5)", "'token_weight' is 0.5"},
        {R"("turn_weights": [0, 1])", "'turn_weights' is [0, 1]"},
        {R"("Train": false)", "'Train' is false"},
        {R"("skip_loss": true)", "'skip_loss' is true"},
        {R"("exclude": true)", "'exclude' is true"},
        {R"("no_train": true)", "'no_train' is true"},
    };
    for (const auto& [fields, reason] : flags) {
        std::string message = error_of([&, text = std::string(fields)] { assistant(text); });
        EXPECT_THAT(message, AllOf(StartsWith("chat.json: [0]: "), HasSubstr(reason))) << fields;
    }
    EXPECT_THAT(error_in(R"({"role": "user", "content": "x", "weight": 1})"),
                HasSubstr("puts a message with role user in the loss"));
}

TEST(Messages, LossFieldsOfPartsOfAMessageMustAgreeWithIt) {
    auto error = [](const char* role, const char* fields, const char* part) {
        return error_in(
            fmt::format(R"({{"role": "{}"{}, "content": [{{"type": "text", "text": "x", {}}}]}})", role, fields, part));
    };
    EXPECT_EQ(error("assistant", "", R"("train": true)"), "no error");
    EXPECT_EQ(error("user", "", R"("train": false)"), "no error");
    EXPECT_EQ(error("assistant", R"(, "weight": 0)", R"("weight": 0)"), "no error");
    EXPECT_THAT(error("assistant", "", R"("weight": 0)"),
                HasSubstr("[0].content[0]: 'weight' is 0: a message is in the loss"));
    EXPECT_THAT(error("assistant", R"(, "train": false)", R"("train": true)"), HasSubstr("'train' is true"));
    EXPECT_THAT(error("user", "", R"("train": true)"), HasSubstr("'train' is true"));
    EXPECT_THAT(error_in(R"({"role": "assistant", "tool_calls": [{"weight": 0, "function": )"
                         R"({"name": "f", "arguments": "{}"}}]})"),
                HasSubstr("[0].tool_calls[0]: 'weight' is 0"));
}

}  // namespace
}  // namespace puna
