#include "data/jsonl.h"

#include "core/error.h"
#include "core/json_value.h"

#include <algorithm>
#include <optional>
#include <span>

namespace puna {

namespace {

using Names = std::span<const std::string_view>;

// Per-message loss flags: OpenAI's weight, Axolotl's train and train_on_turn, Swift's loss.
constexpr std::string_view loss_flags[] = {"weight", "train", "train_on_turn", "loss"};

// Fields of other formats that would affect training: partial masks, weights, other prompt forms.
constexpr std::string_view unsupported_in_message[] = {"train_detail", "loss_scale", "loss_weight",  "loss_mask",
                                                       "mask",         "masked",     "function_call"};
constexpr std::string_view unsupported_in_line[] = {"weights", "sample_weight", "loss_weight", "loss_mask",
                                                    "mask",    "labels",        "train_detail"};
constexpr std::string_view unsupported_beside_messages[] = {"system", "functions", "function_call"};
constexpr std::string_view line_flags[] = {"weight", "train"};

// The requested members of an object; null counts as absent. Duplicates are rejected: parsers differ in which one they
// use.
class Members {
 public:
    Members(std::string_view object, std::initializer_list<Names> names, std::string_view location,
            std::string_view what)
        : location_(location) {
        bool is_object = for_each_member(object, location, [&](std::string_view name, const JsonValue& value) {
            for (Names wanted : names)
                if (std::find(wanted.begin(), wanted.end(), name) != wanted.end()) return add(name, value);
        });
        if (!is_object) fail("{}: {} must be a JSON object", location, what);
    }

    const JsonValue* find(std::string_view name) const {
        for (const Member& member : members_)
            if (member.name == name) return member.value.kind == JsonEvent::null ? nullptr : &member.value;
        return nullptr;
    }
    const JsonValue& need(std::string_view name, std::string_view what) const {
        const JsonValue* value = find(name);
        if (!value) fail("{}: {} has no '{}'", location_, what, name);
        return *value;
    }
    void reject(Names names, std::string_view remedy) const {
        for (std::string_view name : names)
            if (find(name)) fail("{}: '{}' would affect training but is not supported: {}", location_, name, remedy);
    }

 private:
    struct Member {
        std::string name;
        JsonValue value;
    };
    void add(std::string_view name, const JsonValue& value) {
        for (const Member& member : members_)
            if (member.name == name) fail("{}: duplicate field '{}': keep one", location_, printable(name));
        members_.push_back({std::string(name), value});
    }

    std::string_view location_;
    std::vector<Member> members_;
};

std::string need_text(const JsonValue& value, std::string_view location, std::string_view what) {
    if (!value.is_string()) fail("{}: {} must be text", location, what);
    return text_of(value, location);
}

void for_each_in_list(const JsonValue& value, std::string_view location, std::string_view what,
                      const std::function<void(const JsonValue&)>& on_item) {
    if (!for_each_item(value.raw, location, on_item)) fail("{}: {} must be a list", location, what);
}

Members members_of(const JsonValue& value, std::initializer_list<std::string_view> names, std::string_view location,
                   std::string_view what) {
    return Members(value.raw, {Names(names.begin(), names.size())}, location, what);
}

std::string read_role(const Members& message, std::string_view location) {
    std::string role = need_text(message.need("role", "a message"), location, "a role");
    for (std::string_view known : {"system", "user", "assistant", "tool", "ipython"})
        if (role == known) return role;
    fail("{}: unknown role '{}': use system, user, assistant or tool", location, printable(role));
}

// Text, or a list of text parts: [{"type": "text", "text": "Hello"}].
std::string read_content(const JsonValue& content, std::string_view location) {
    if (content.is_string()) return text_of(content, location);
    std::string text;
    for_each_in_list(content, location, "content that is not text", [&](const JsonValue& item) {
        constexpr std::string_view what = "a content part";
        Members part = members_of(item, {"type", "text"}, location, what);
        if (need_text(part.need("type", what), location, "a content part's type") != "text")
            fail("{}: a content part is not text: remove such messages", location);
        text += need_text(part.need("text", what), location, "a content part's text");
    });
    return text;
}

// A JSON object, or its serialized text.
std::string read_arguments(const JsonValue& arguments, std::string_view location) {
    if (arguments.is_string()) return text_of(arguments, location);
    if (!arguments.is_object()) fail("{}: a call's arguments must be a JSON object", location);
    return compact_json(arguments.raw);
}

std::vector<ToolCall> read_calls(const Members& message, std::string_view location) {
    std::vector<ToolCall> calls;
    if (const JsonValue* given = message.find("tool_call")) {
        Members call = members_of(*given, {"method", "parameters"}, location, "tool_call");
        calls.push_back({need_text(call.need("method", "tool_call"), location, "a method"),
                         read_arguments(call.need("parameters", "tool_call"), location)});
    }
    if (const JsonValue* given = message.find("tool_calls")) {
        for_each_in_list(*given, location, "tool_calls", [&](const JsonValue& item) {
            Members outer = members_of(item, {"function"}, location, "a call");
            Members call =
                members_of(outer.need("function", "a call"), {"name", "arguments"}, location, "a call's function");
            calls.push_back({need_text(call.need("name", "a call"), location, "a call's name"),
                             read_arguments(call.need("arguments", "a call"), location)});
        });
    }
    return calls;
}

bool read_flag(const JsonValue& value, std::string_view name, std::string_view location) {
    for (std::string_view yes : {"1", "1.0", "true"})
        if (value.raw == yes) return true;
    for (std::string_view no : {"0", "0.0", "false"})
        if (value.raw == no) return false;
    fail("{}: '{}' is {}: only 0 and 1 (or false and true) are supported; change or remove it", location, name,
         printable(value.raw));
}

bool read_in_loss(const Members& in, const std::string& role, std::string_view location) {
    std::optional<bool> in_loss;
    for (std::string_view name : loss_flags) {
        const JsonValue* value = in.find(name);
        if (!value) continue;
        bool on = read_flag(*value, name, location);
        if (in_loss.value_or(on) != on) fail("{}: '{}' contradicts the message's other loss flags", location, name);
        if (on && role != "assistant")
            fail("{}: '{}' puts a message with role {} in the loss, but only assistant messages can be in it", location,
                 name, role);
        in_loss = on;
    }
    return in_loss.value_or(true);
}

Message read_message(const JsonValue& value, std::string_view location) {
    constexpr std::string_view names[] = {"role", "content", "tool_call", "tool_calls"};
    Members in(value.raw, {names, loss_flags, unsupported_in_message}, location, "a message");
    in.reject(unsupported_in_message, "remove it from the message");
    Message message{.role = read_role(in, location), .tool_calls = read_calls(in, location)};
    message.in_loss = read_in_loss(in, message.role, location);
    if (!message.tool_calls.empty() && message.role != "assistant")
        fail("{}: only assistant messages can call tools, not messages with role {}", location, message.role);
    const JsonValue* content = in.find("content");
    if (!content && message.tool_calls.empty())
        fail("{}: a message with role {} has no 'content'", location, message.role);
    if (!content) return message;
    bool from_tool = message.role == "tool" || message.role == "ipython";
    message.content_is_json = from_tool && (content->is_array() || content->is_object());
    message.content = message.content_is_json ? compact_json(content->raw) : read_content(*content, location);
    return message;
}

void read_conversation(JsonlDocument& document, const Members& in, const JsonValue& messages,
                       std::string_view location) {
    in.reject(unsupported_beside_messages, "move it into the messages or remove it");
    for_each_in_list(messages, location, "messages",
                     [&](const JsonValue& message) { document.messages.push_back(read_message(message, location)); });
    if (document.messages.empty()) fail("{}: the conversation has no messages", location);
    if (const JsonValue* tools = in.find("tools"))
        for_each_in_list(*tools, location, "tools",
                         [&](const JsonValue& tool) { document.tools.push_back(compact_json(tool.raw)); });
}

}  // namespace

JsonlDocument parse_jsonl(std::string_view line, std::string_view location, std::string_view text_field) {
    const std::string_view names[] = {"messages", "tools", text_field};
    if (line.substr(std::min(line.find_first_not_of(" \t\r"), line.size())).starts_with('['))
        fail("{}: a line must be a JSON object, not an array: write one object per line (jq -c '.[]')", location);
    Members in(line, {names, unsupported_in_line, unsupported_beside_messages, line_flags}, location, "a line");
    in.reject(unsupported_in_line, "remove it from the line");
    for (std::string_view name : line_flags)
        if (const JsonValue* given = in.find(name); given && !read_flag(*given, name, location))
            fail("{}: '{}' is 0: remove the line", location, name);
    JsonlDocument document;
    if (const JsonValue* messages = in.find("messages")) {
        read_conversation(document, in, *messages, location);
        return document;
    }
    const JsonValue* text = in.find(text_field);
    if (!text)
        fail("{}: has neither 'messages' nor '{}': set the field that holds the text with --text-field", location,
             text_field);
    document.text = need_text(*text, location, fmt::format("'{}'", text_field));
    return document;
}

}  // namespace puna
