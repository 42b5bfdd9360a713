#include "chat/messages.h"

#include "chat/loss_fields.h"
#include "core/ascii.h"
#include "core/error.h"

#include <algorithm>
#include <optional>
#include <string>

namespace puna {

namespace {

template <class... Args>
[[noreturn]] void fail_unsupported(const JsonNode& node, fmt::format_string<Args...> format, Args&&... args) {
    fail(ErrorKind::unsupported, "{}: {}", node.place(), fmt::format(format, std::forward<Args>(args)...));
}

// Under which names a message has its role and its content.
struct MessageNames {
    std::string_view role = "role", content = "content";
};

std::string_view only_one(const JsonNode& message, std::string_view name, std::string_view other_name) {
    bool has_other = message.find(other_name).has_value();
    if (has_other && message.find(name))
        fail_unsupported(message, "has both '{}' and '{}': remove one of them", name, other_name);
    return has_other ? other_name : name;
}

MessageNames names_in(const JsonNode& message, MessageForm form) {
    if (form == MessageForm::openai) return {};
    return {only_one(message, "role", "from"), only_one(message, "content", "value")};
}

// ShareGPT's, and those of data sets in its form.
struct RoleName {
    std::string_view name, role;
};
constexpr std::string_view call_role = "function_call";
constexpr RoleName other_role_names[] = {
    {"human", "user"},        {"prompter", "user"},    {"gpt", "assistant"},          {"chatgpt", "assistant"},
    {"bing", "assistant"},    {"bard", "assistant"},   {"bot", "assistant"},          {"model", "assistant"},
    {call_role, "assistant"}, {"observation", "tool"}, {"function_response", "tool"}, {"tool_response", "tool"},
    {"function", "tool"}};

std::string read_role(const JsonNode& given, MessageForm form) {
    std::string text = given.text(), role = form == MessageForm::openai ? text : ascii_lower(text);
    for (std::string_view known : {"system", "user", "assistant", "tool", "ipython"})
        if (role == known) return role;
    for (const RoleName& other : other_role_names)
        if (form != MessageForm::openai && role == other.name) return std::string(other.role);
    fail_unsupported(given, "unknown role '{}': use system, user, assistant or tool", printable(text));
}

// The fields without a meaning here; of repeated ones a template gets the last, as in Python. A name or id that is null
// is one: templates can tell null from absent.
std::vector<MessageField> other_fields(const JsonNode& object, std::initializer_list<std::string_view> known) {
    constexpr std::string_view texts[] = {"name", "id", "tool_call_id"};
    std::vector<MessageField> fields;
    for (const JsonMember& member : object.members()) {
        bool is_null_text =
            member.value.is_null() && std::find(std::begin(texts), std::end(texts), member.name) != std::end(texts);
        bool is_known = std::find(known.begin(), known.end(), member.name) != known.end() && !is_null_text;
        if (!is_known && !is_loss_flag(member)) fields.push_back({member.name, std::string(member.value.raw())});
    }
    return fields;
}

// The flag of a part of a message: a message is in the loss as a whole.
void check_same_loss(const JsonNode& part, const Message& message) {
    bool from_assistant = message.role == "assistant", in_loss = from_assistant && message.in_loss;
    std::optional<LossFlag> flag = read_loss_flag(part, from_assistant);
    if (flag && flag->in_loss != in_loss)
        fail_unsupported(part,
                         "'{0}' is {1}: a message is in the loss as a whole or not at all; set '{0}' of the message",
                         flag->name, printable(flag->value));
}

ContentPart read_part(const JsonNode& part, const Message& message) {
    std::string type = part.need("type").text();
    if (type != "text")
        fail_unsupported(part, "'{}' is not supported, only parts of the type 'text' are", printable(type));
    check_same_loss(part, message);
    return {part.need("text").text(), other_fields(part, {"type", "text"})};
}

void read_content(Message& message, const JsonNode& content) {
    bool from_tool = message.role == "tool" || message.role == "ipython";
    if (from_tool && (content.is_array() || content.is_object())) {
        message.content_kind = ContentKind::json;
        message.content = compact_json(content.raw());
    } else if (content.is_string()) {
        message.content = content.text();
    } else {
        if (!content.is_array()) content.reject("must be a string or a list of parts");
        for (const JsonNode& part : content.items()) message.parts.push_back(read_part(part, message));
    }
}

// A JSON object, or its serialized text.
std::string read_arguments(const JsonNode& arguments) {
    if (arguments.is_string()) return arguments.text();
    if (!arguments.is_object()) arguments.reject("must be an object, or its JSON as a string");
    return compact_json(arguments.raw());
}

ToolCall read_call(const JsonNode& call, const Message& message) {
    check_same_loss(call, message);
    JsonNode function = call.need("function");
    return {function.need("name").text(), read_arguments(function.need("arguments")), call.text("id", ""),
            other_fields(call, {"id", "type", "function"})};
}

void read_calls(Message& message, const JsonNode& in) {
    if (std::optional<JsonNode> call = in.find("tool_call"))
        message.tool_calls.push_back({call->need("method").text(), read_arguments(call->need("parameters"))});
    if (std::optional<JsonNode> calls = in.find("tool_calls"))
        for (const JsonNode& call : calls->items()) message.tool_calls.push_back(read_call(call, message));
    if (!message.tool_calls.empty() && message.role != "assistant")
        fail_unsupported(in, "only assistant messages can call tools, not messages with role {}", message.role);
}

// {"name": "add", "arguments": {"a": 2}}, or a list of such calls.
void read_bare_calls(Message& message, const JsonNode& calls) {
    std::vector<JsonNode> list = calls.is_array() ? calls.items() : std::vector<JsonNode>{calls};
    for (const JsonNode& call : list)
        message.tool_calls.push_back({call.need("name").text(), read_arguments(call.need("arguments"))});
}

// content: the calls, or their JSON as text.
void read_calls_in_content(Message& message, const JsonNode& content) {
    if (!content.is_string()) return read_bare_calls(message, content);
    std::string text = content.text();
    JsonDocument calls(text, content.place(), message_limits);
    read_bare_calls(message, calls.root());
}

bool read_in_loss(const JsonNode& message, const std::string& role) {
    std::optional<LossFlag> flag = read_loss_flag(message, role == "assistant");
    if (flag && flag->in_loss && role != "assistant")
        fail_unsupported(message,
                         "'{}' puts a message with role {} in the loss, but only assistant messages can be in it",
                         flag->name, role);
    return !flag || flag->in_loss;
}

// Fields of OpenAI's messages that hold words or calls, which would be lost.
void reject_unsupported_fields(const JsonNode& message) {
    struct Unsupported {
        std::string_view name, remedy;
    };
    constexpr Unsupported fields[] = {{"function_call", "convert it to 'tool_calls'"},
                                      {"audio", "put its transcript into 'content'"},
                                      {"refusal", "put its text into 'content'"}};
    for (const Unsupported& field : fields)
        if (message.find(field.name)) fail_unsupported(message, "'{}' is not supported: {}", field.name, field.remedy);
}

Message read_message(const JsonNode& in, MessageForm form) {
    reject_unsupported_fields(in);
    MessageNames names = names_in(in, form);
    JsonNode role = in.need(names.role);
    Message message{.role = read_role(role, form)};
    message.in_loss = read_in_loss(in, message.role);
    message.name = in.text("name", "");
    message.tool_call_id = in.text("tool_call_id", "");
    message.fields = other_fields(
        in, {names.role, names.content, "name", "tool_call", "tool_calls", "tool_call_id", "function_call"});
    read_calls(message, in);
    std::optional<JsonNode> given = in.find_any(names.content), content = in.find(names.content);
    bool is_call = form != MessageForm::openai && ascii_lower(role.text()) == call_role;
    if (content) is_call ? read_calls_in_content(message, *content) : read_content(message, *content);
    if (!content && message.tool_calls.empty())
        fail(ErrorKind::damaged, "{}: a message with role {} has no '{}'", in.place(), message.role, names.content);
    if (!content || is_call) message.content_kind = given && !is_call ? ContentKind::null : ContentKind::absent;
    return message;
}

void add_fields(JsonObject& object, const std::vector<MessageField>& fields) {
    for (const MessageField& field : fields) object.add(field.name, JsonText::verbatim(field.json));
}

JsonObject part_json(const ContentPart& part) {
    JsonObject json{{"type", "text"}, {"text", part.text}};
    add_fields(json, part.fields);
    return json;
}

JsonObject call_json(const ToolCall& call) {
    JsonObject json;
    if (!call.id.empty()) json.add("id", call.id);
    json.add("type", "function");
    json.add("function", JsonObject{{"name", call.name}, {"arguments", call.arguments}});
    add_fields(json, call.fields);
    return json;
}

JsonText content_json(const Message& message) {
    if (message.content_kind == ContentKind::null) return nullptr;
    if (message.content_kind == ContentKind::json) return JsonText::verbatim(message.content);
    if (message.parts.empty()) return message.content;
    JsonList parts;
    for (const ContentPart& part : message.parts) parts.add(part_json(part));
    return parts;
}

JsonObject message_json(const Message& message) {
    JsonObject json{{"role", message.role}};
    if (!message.name.empty()) json.add("name", message.name);
    if (message.content_kind != ContentKind::absent) json.add("content", content_json(message));
    if (!message.tool_calls.empty()) {
        JsonList calls;
        for (const ToolCall& call : message.tool_calls) calls.add(call_json(call));
        json.add("tool_calls", calls);
    }
    if (!message.tool_call_id.empty()) json.add("tool_call_id", message.tool_call_id);
    if (!message.in_loss) json.add("weight", 0);
    add_fields(json, message.fields);
    return json;
}

}  // namespace

std::string text_of(const Message& message) {
    std::string text = message.content;
    for (const ContentPart& part : message.parts) text += part.text;
    return text;
}

std::vector<Message> read_messages(const JsonNode& list, MessageForm form) {
    std::vector<Message> messages;
    for (const JsonNode& message : list.items()) messages.push_back(read_message(message, form));
    return messages;
}

JsonText messages_json(std::span<const Message> messages) {
    JsonList list;
    for (const Message& message : messages) list.add(message_json(message));
    return list;
}

}  // namespace puna
