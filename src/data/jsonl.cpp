#include "data/jsonl.h"

#include "core/error.h"
#include "core/json_value.h"

#include <algorithm>
#include <optional>
#include <span>

namespace puna {

namespace {

using Names = std::span<const std::string_view>;

// What says whether a message is in the loss: OpenAI's weight, Axolotl's train and train_on_turn, Swift's loss.
constexpr std::string_view loss_switches[] = {"weight", "train", "train_on_turn", "loss"};

// Fields that would change what is learned if they were read: parts of messages, weights, other forms of prompts.
constexpr std::string_view unsupported_in_message[] = {"train_detail", "loss_scale", "loss_weight",  "loss_mask",
                                                       "mask",         "masked",     "function_call"};
constexpr std::string_view unsupported_in_line[] = {"weights", "sample_weight", "loss_weight", "loss_mask",
                                                    "mask",    "labels",        "train_detail"};
constexpr std::string_view unsupported_beside_messages[] = {"system", "functions", "function_call"};
constexpr std::string_view line_switches[] = {"weight", "train"};

// The members of an object that are asked for; null counts as absent. One that is there twice is refused, because
// programs differ in which of them counts.
class Members {
 public:
    Members(std::string_view object, std::initializer_list<Names> names, std::string_view place, std::string_view what)
        : place_(place) {
        bool is_object = for_each_member(object, place, [&](std::string_view name, const JsonValue& value) {
            for (Names wanted : names)
                if (std::find(wanted.begin(), wanted.end(), name) != wanted.end()) return add(name, value);
        });
        if (!is_object) fail("{}: {} must be a JSON object", place, what);
    }

    const JsonValue* find(std::string_view name) const {
        for (const Member& member : members_)
            if (member.name == name) return member.value.kind == JsonEvent::null ? nullptr : &member.value;
        return nullptr;
    }
    const JsonValue& need(std::string_view name, std::string_view what) const {
        const JsonValue* value = find(name);
        if (!value) fail("{}: {} has no '{}'", place_, what, name);
        return *value;
    }
    void refuse(Names names, std::string_view remedy) const {
        for (std::string_view name : names)
            if (find(name))
                fail("{}: '{}' would change what is learned, but is not supported: {}", place_, name, remedy);
    }

 private:
    struct Member {
        std::string name;
        JsonValue value;
    };
    void add(std::string_view name, const JsonValue& value) {
        for (const Member& member : members_)
            if (member.name == name) fail("{}: has '{}' twice: keep one", place_, printable(name));
        members_.push_back({std::string(name), value});
    }

    std::string_view place_;
    std::vector<Member> members_;
};

std::string need_text(const JsonValue& value, std::string_view place, std::string_view what) {
    if (!value.is_string()) fail("{}: {} must be text", place, what);
    return text_of(value, place);
}

void for_each_in_list(const JsonValue& value, std::string_view place, std::string_view what,
                      const std::function<void(const JsonValue&)>& on_item) {
    if (!for_each_item(value.raw, place, on_item)) fail("{}: {} must be a list", place, what);
}

Members members_of(const JsonValue& value, std::initializer_list<std::string_view> names, std::string_view place,
                   std::string_view what) {
    return Members(value.raw, {Names(names.begin(), names.size())}, place, what);
}

std::string read_role(const Members& message, std::string_view place) {
    std::string role = need_text(message.need("role", "a message"), place, "a role");
    for (std::string_view known : {"system", "user", "assistant", "tool", "ipython"})
        if (role == known) return role;
    fail("{}: unknown role '{}': use system, user, assistant or tool", place, printable(role));
}

// Text, or a list of parts that are text: [{"type": "text", "text": "Hello"}].
std::string read_content(const JsonValue& content, std::string_view place) {
    if (content.is_string()) return text_of(content, place);
    std::string text;
    for_each_in_list(content, place, "content that is no text", [&](const JsonValue& item) {
        constexpr std::string_view what = "a part of the content";
        Members part = members_of(item, {"type", "text"}, place, what);
        if (need_text(part.need("type", what), place, "a part's type") != "text")
            fail("{}: the content has a part that is not text: leave such messages out", place);
        text += need_text(part.need("text", what), place, "a part's text");
    });
    return text;
}

// Arguments: an object, or its JSON as text.
std::string read_arguments(const JsonValue& arguments, std::string_view place) {
    if (arguments.is_string()) return text_of(arguments, place);
    if (!arguments.is_object()) fail("{}: the arguments of a call must be a JSON object", place);
    return compact_json(arguments.raw);
}

std::vector<ToolCall> read_calls(const Members& message, std::string_view place) {
    std::vector<ToolCall> calls;
    if (const JsonValue* given = message.find("tool_call")) {
        Members call = members_of(*given, {"method", "parameters"}, place, "tool_call");
        calls.push_back({need_text(call.need("method", "tool_call"), place, "a method"),
                         read_arguments(call.need("parameters", "tool_call"), place)});
    }
    if (const JsonValue* given = message.find("tool_calls")) {
        for_each_in_list(*given, place, "tool_calls", [&](const JsonValue& item) {
            Members outer = members_of(item, {"function"}, place, "a call");
            Members call =
                members_of(outer.need("function", "a call"), {"name", "arguments"}, place, "a call's function");
            calls.push_back({need_text(call.need("name", "a call"), place, "a call's name"),
                             read_arguments(call.need("arguments", "a call"), place)});
        });
    }
    return calls;
}

bool read_switch(const JsonValue& value, std::string_view name, std::string_view place) {
    for (std::string_view yes : {"1", "1.0", "true"})
        if (value.raw == yes) return true;
    for (std::string_view no : {"0", "0.0", "false"})
        if (value.raw == no) return false;
    fail("{}: '{}' is {}: only 0 and 1 (or false and true) are supported; change it or leave it out", place, name,
         printable(value.raw));
}

bool read_in_loss(const Members& in, const std::string& role, std::string_view place) {
    std::optional<bool> in_loss;
    for (std::string_view name : loss_switches) {
        const JsonValue* value = in.find(name);
        if (!value) continue;
        bool on = read_switch(*value, name, place);
        if (in_loss.value_or(on) != on) fail("{}: '{}' contradicts the other marks of the message", place, name);
        if (on && role != "assistant")
            fail("{}: '{}' asks to learn a message of the {}, but only the assistant's can be learned", place, name,
                 role);
        in_loss = on;
    }
    return in_loss.value_or(true);
}

Message read_message(const JsonValue& value, std::string_view place) {
    constexpr std::string_view names[] = {"role", "content", "tool_call", "tool_calls"};
    Members in(value.raw, {names, loss_switches, unsupported_in_message}, place, "a message");
    in.refuse(unsupported_in_message, "leave it out of the message");
    Message message{.role = read_role(in, place), .tool_calls = read_calls(in, place)};
    message.in_loss = read_in_loss(in, message.role, place);
    if (!message.tool_calls.empty() && message.role != "assistant")
        fail("{}: only the assistant calls tools, not the {}", place, message.role);
    const JsonValue* content = in.find("content");
    if (!content && message.tool_calls.empty()) fail("{}: a message of the {} has no 'content'", place, message.role);
    if (!content) return message;
    bool from_tool = message.role == "tool" || message.role == "ipython";
    message.content_is_json = from_tool && (content->is_array() || content->is_object());
    message.content = message.content_is_json ? compact_json(content->raw) : read_content(*content, place);
    return message;
}

void read_conversation(JsonlDocument& document, const Members& in, const JsonValue& messages, std::string_view place) {
    in.refuse(unsupported_beside_messages, "put it into the messages, or leave it out");
    for_each_in_list(messages, place, "messages",
                     [&](const JsonValue& message) { document.messages.push_back(read_message(message, place)); });
    if (document.messages.empty()) fail("{}: a conversation without messages", place);
    if (const JsonValue* tools = in.find("tools"))
        for_each_in_list(*tools, place, "tools",
                         [&](const JsonValue& tool) { document.tools.push_back(compact_json(tool.raw)); });
}

}  // namespace

JsonlDocument parse_jsonl(std::string_view line, std::string_view place, std::string_view text_field) {
    const std::string_view names[] = {"messages", "tools", text_field};
    if (line.substr(std::min(line.find_first_not_of(" \t\r"), line.size())).starts_with('['))
        fail("{}: a line must be a JSON object, not an array: write one object a line (jq -c '.[]')", place);
    Members in(line, {names, unsupported_in_line, unsupported_beside_messages, line_switches}, place, "a line");
    in.refuse(unsupported_in_line, "leave it out of the line");
    for (std::string_view name : line_switches)
        if (const JsonValue* given = in.find(name); given && !read_switch(*given, name, place))
            fail("{}: '{}' is 0: leave the line out", place, name);
    JsonlDocument document;
    if (const JsonValue* messages = in.find("messages")) {
        read_conversation(document, in, *messages, place);
        return document;
    }
    const JsonValue* text = in.find(text_field);
    if (!text)
        fail("{}: has neither 'messages' nor '{}': name the field that holds the text with --text-field", place,
             text_field);
    document.text = need_text(*text, place, fmt::format("'{}'", text_field));
    return document;
}

}  // namespace puna
