#include "data/jsonl.h"

#include "core/error.h"
#include "data/json_members.h"
#include "data/loss_fields.h"

#include <algorithm>

namespace puna {

namespace {

// Fields of other formats that would change the prompt.
constexpr std::string_view unsupported_beside_messages[] = {"system", "functions", "function_call"};

void for_each_in_list(const JsonValue& value, std::string_view location, std::string_view what,
                      const std::function<void(const JsonValue&)>& on_item) {
    if (!for_each_item(value.raw, location, on_item)) fail("{}: {} must be a list", location, what);
}

std::string read_role(const JsonMembers& message) {
    std::string role = message.need_text("role");
    for (std::string_view known : {"system", "user", "assistant", "tool", "ipython"})
        if (role == known) return role;
    fail("{}: unknown role '{}': use system, user, assistant or tool", message.location(), printable(role));
}

// The flag of a part of a message: a message is in the loss as a whole.
void check_same_loss(const JsonMembers& part, const Message& message, std::string_view what) {
    bool in_loss = message.role == "assistant" && message.in_loss;
    std::optional<LossFlag> flag = read_loss_flag(part, message.role == "assistant");
    if (flag && flag->in_loss != in_loss)
        fail("{}: '{}' of {} is {}: a message is in the loss as a whole or not at all; set '{}' of the message",
             part.location(), flag->name, what, printable(flag->value), flag->name);
}

// Text, or a list of text parts: [{"type": "text", "text": "Hello"}].
std::string read_content(const JsonValue& content, const Message& message, std::string_view location) {
    if (content.is_string()) return text_of(content, location);
    std::string text;
    for_each_in_list(content, location, "content that is not text", [&](const JsonValue& item) {
        JsonMembers part(item.raw, location, "a content part");
        if (part.need_text("type") != "text") fail("{}: a content part is not text: remove such messages", location);
        check_same_loss(part, message, "a content part");
        text += part.need_text("text");
    });
    return text;
}

// A JSON object, or its serialized text.
std::string read_arguments(const JsonValue& arguments, std::string_view location) {
    if (arguments.is_string()) return text_of(arguments, location);
    if (!arguments.is_object()) fail("{}: a call's arguments must be a JSON object", location);
    return compact_json(arguments.raw);
}

// The fields that have no meaning here, for the template; of repeated ones it gets the last, as in Python.
std::vector<MessageField> other_fields(const JsonMembers& object, std::initializer_list<std::string_view> known) {
    std::vector<MessageField> fields;
    for (const JsonMembers::Member& member : object.all())
        if (std::find(known.begin(), known.end(), member.name) == known.end())
            fields.push_back({member.name, std::string(member.value.raw)});
    return fields;
}

ToolCall read_call(const JsonMembers& call, std::string_view name, std::string_view arguments) {
    return {call.need_text(name), read_arguments(call.need(arguments), call.location())};
}

std::vector<ToolCall> read_calls(const JsonMembers& in, const Message& message) {
    std::string_view location = in.location();
    std::vector<ToolCall> calls;
    if (const JsonValue* given = in.find("tool_call"))
        calls.push_back(read_call({given->raw, location, "tool_call"}, "method", "parameters"));
    if (const JsonValue* given = in.find("tool_calls")) {
        for_each_in_list(*given, location, "tool_calls", [&](const JsonValue& item) {
            JsonMembers call(item.raw, location, "a call");
            check_same_loss(call, message, "a call");
            calls.push_back(read_call({call.need("function").raw, location, "a call's function"}, "name", "arguments"));
            calls.back().fields = other_fields(call, {"type", "function"});
        });
    }
    if (!calls.empty() && message.role != "assistant")
        fail("{}: only assistant messages can call tools, not messages with role {}", location, message.role);
    return calls;
}

bool read_in_loss(const JsonMembers& in, const std::string& role) {
    std::optional<LossFlag> flag = read_loss_flag(in, role == "assistant");
    if (flag && flag->in_loss && role != "assistant")
        fail("{}: '{}' puts a message with role {} in the loss, but only assistant messages can be in it",
             in.location(), flag->name, role);
    return !flag || flag->in_loss;
}

Message read_message(const JsonValue& value, std::string_view location) {
    JsonMembers in(value.raw, location, "a message");
    if (in.find("function_call")) fail("{}: 'function_call' is not supported: convert it to 'tool_calls'", location);
    Message message{.role = read_role(in)};
    message.fields = other_fields(in, {"role", "content", "tool_call", "tool_calls"});
    message.in_loss = read_in_loss(in, message.role);
    message.tool_calls = read_calls(in, message);
    const JsonValue* content = in.find("content");
    if (!content && message.tool_calls.empty())
        fail("{}: a message with role {} has no 'content'", location, message.role);
    if (!content) return message;
    bool from_tool = message.role == "tool" || message.role == "ipython";
    message.content_is_json = from_tool && (content->is_array() || content->is_object());
    message.content = message.content_is_json ? compact_json(content->raw) : read_content(*content, message, location);
    return message;
}

// Beside messages, another field with a text or an answer: which of them is meant?
void reject_second_document(const JsonMembers& line, std::string_view text_field) {
    for (std::string_view other : {text_field, std::string_view("completion")})
        if (other != "messages" && line.find(other))
            fail("{}: has both 'messages' and '{}': remove one of them", line.location(), printable(other));
}

void read_conversation(JsonlDocument& document, const JsonMembers& line, const JsonValue& messages) {
    std::string_view location = line.location();
    for (std::string_view name : unsupported_beside_messages)
        if (line.find(name))
            fail("{}: '{}' would affect training but is not supported: move it into the messages or remove it",
                 location, name);
    for_each_in_list(messages, location, "messages",
                     [&](const JsonValue& message) { document.messages.push_back(read_message(message, location)); });
    if (document.messages.empty()) fail("{}: the conversation has no messages", location);
    if (const JsonValue* tools = line.find("tools"))
        for_each_in_list(*tools, location, "tools",
                         [&](const JsonValue& tool) { document.tools.push_back(compact_json(tool.raw)); });
    if (const JsonValue* variables = line.find("chat_template_kwargs")) document.variables = variables->raw;
}

// Other formats, by a field that each of them has.
struct OtherFormat {
    std::string_view field, name;
};
constexpr OtherFormat other_formats[] = {{"conversations", "ShareGPT (conversations)"},
                                         {"conversation", "ShareGPT (conversation)"},
                                         {"completion", "prompt and completion"},
                                         {"chosen", "preference pairs (chosen, rejected)"},
                                         {"instruction", "Alpaca (instruction, output)"},
                                         {"response", "prompt and response"},
                                         {"answer", "question and answer"},
                                         {"output", "input and output"}};

[[noreturn]] void fail_without_document(const JsonMembers& line, std::string_view text_field) {
    for (const OtherFormat& format : other_formats)
        if (line.find(format.field))
            fail(
                "{}: has the format {}, which is not supported: convert it to \"messages\", a list of "
                "{{\"role\", \"content\"}}",
                line.location(), format.name);
    if (text_field == "messages") fail("{}: has no 'messages'", line.location());
    fail("{}: has neither 'messages' nor '{}': set the field that holds the text with --text-field", line.location(),
         text_field);
}

}  // namespace

JsonlDocument parse_jsonl(std::string_view text, std::string_view location, std::string_view text_field) {
    std::string_view content = text.substr(std::min(text.find_first_not_of(" \t\r"), text.size()));
    if (content.starts_with('['))
        fail("{}: a line must be a JSON object, not an array: write one object per line (jq -c '.[]')", location);
    if (content.find_first_not_of("{ \t\r") == content.npos)
        fail("{}: a record begins here and goes on in the next line: write each one on one line (jq -c .)", location);
    JsonMembers line(text, location, "a line");
    if (std::optional<LossFlag> flag = read_loss_flag(line); flag && !flag->in_loss)
        fail("{}: '{}' is {}: remove the line", location, flag->name, flag->value);
    JsonlDocument document;
    if (const JsonValue* messages = line.find("messages")) {
        reject_second_document(line, text_field);
        read_conversation(document, line, *messages);
        return document;
    }
    if (!line.find(text_field)) fail_without_document(line, text_field);
    document.text = line.need_text(text_field);
    return document;
}

}  // namespace puna
