#include "data/jsonl.h"

#include "core/error.h"

#include <simdjson.h>

namespace puna {

namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

// What a field holds, or a null element's absence: null counts as absent.
std::optional<element> find(const object& in, std::string_view key) {
    element value;
    if (in[key].get(value) != simdjson::SUCCESS || value.is_null()) return {};
    return value;
}

std::string_view text_of(const element& value, std::string_view place, std::string_view what) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) fail("{}: {} must be text", place, what);
    return text;
}

object object_of(const element& value, std::string_view place, std::string_view what) {
    object result;
    if (value.get(result) != simdjson::SUCCESS) fail("{}: {} must be a JSON object", place, what);
    return result;
}

array array_of(const element& value, std::string_view place, std::string_view what) {
    array result;
    if (value.get(result) != simdjson::SUCCESS) fail("{}: {} must be a list", place, what);
    return result;
}

element need(const object& in, std::string_view key, std::string_view place, std::string_view what) {
    std::optional<element> value = find(in, key);
    if (!value) fail("{}: {} has no '{}'", place, what, key);
    return *value;
}

std::string_view read_role(const object& message, std::string_view place) {
    std::string_view role = text_of(need(message, "role", place, "a message"), place, "a role");
    for (std::string_view known : {"system", "user", "assistant", "tool", "ipython"})
        if (role == known) return role;
    fail("{}: unknown role '{}': use system, user, assistant or tool", place, printable(role));
}

// Text, or a list of parts that are text: [{"type": "text", "text": "Hello"}].
std::string read_content(const element& content, std::string_view place) {
    if (content.is_string()) return std::string(text_of(content, place, "content"));
    std::string text;
    for (element item : array_of(content, place, "content")) {
        object part = object_of(item, place, "a part of the content");
        if (text_of(need(part, "type", place, "a part of the content"), place, "a part's type") != "text")
            fail("{}: the content has a part that is not text: leave such messages out", place);
        text += text_of(need(part, "text", place, "a part of the content"), place, "a part's text");
    }
    return text;
}

// Arguments: an object, or its JSON as text.
std::string read_arguments(const element& arguments, std::string_view place) {
    if (arguments.is_string()) return std::string(text_of(arguments, place, "arguments"));
    object_of(arguments, place, "the arguments of a call");
    return simdjson::minify(arguments);
}

std::vector<ToolCall> read_calls(const object& message, std::string_view place) {
    std::vector<ToolCall> calls;
    if (std::optional<element> given = find(message, "tool_call")) {
        object call = object_of(*given, place, "tool_call");
        calls.push_back({std::string(text_of(need(call, "method", place, "tool_call"), place, "a method")),
                         read_arguments(need(call, "parameters", place, "tool_call"), place)});
    }
    if (std::optional<element> given = find(message, "tool_calls")) {
        for (element item : array_of(*given, place, "tool_calls")) {
            object call = object_of(need(object_of(item, place, "a call"), "function", place, "a call"), place,
                                    "a call's function");
            calls.push_back({std::string(text_of(need(call, "name", place, "a call"), place, "a call's name")),
                             read_arguments(need(call, "arguments", place, "a call"), place)});
        }
    }
    return calls;
}

Message read_message(const object& in, std::string_view place) {
    Message message{.role = std::string(read_role(in, place)), .tool_calls = read_calls(in, place)};
    if (!message.tool_calls.empty() && message.role != "assistant")
        fail("{}: only the assistant calls tools, not the {}", place, message.role);
    std::optional<element> content = find(in, "content");
    if (!content && message.tool_calls.empty()) fail("{}: a message of the {} has no 'content'", place, message.role);
    if (!content) return message;
    bool from_tool = message.role == "tool" || message.role == "ipython";
    message.content_is_json = from_tool && (content->is_array() || content->is_object());
    message.content = message.content_is_json ? simdjson::minify(*content) : read_content(*content, place);
    return message;
}

}  // namespace

struct JsonlParser::Parser {
    simdjson::dom::parser simdjson;
};

JsonlParser::JsonlParser() : parser_(std::make_unique<Parser>()) {}
JsonlParser::~JsonlParser() = default;
JsonlParser::JsonlParser(JsonlParser&&) noexcept = default;

JsonlDocument JsonlParser::parse(std::string_view line, std::string_view place, const std::string& text_field) {
    static_assert(simdjson::SIMDJSON_PADDING <= 64);
    element root;
    if (auto problem = parser_->simdjson.parse(line.data(), line.size(), false).get(root);
        problem != simdjson::SUCCESS) {
        std::string_view reason = simdjson::error_message(problem);
        size_t name = reason.find_first_not_of(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");  // newer libraries begin with "UTF8_ERROR: "
        if (name != reason.npos && reason.substr(name).starts_with(": ")) reason.remove_prefix(name + 2);
        fail("{}: not valid JSON: {}", place, printable(reason));
    }
    object in = object_of(root, place, "a line");
    JsonlDocument document;
    if (std::optional<element> messages = find(in, "messages")) {
        for (element message : array_of(*messages, place, "messages"))
            document.messages.push_back(read_message(object_of(message, place, "a message"), place));
        if (document.messages.empty()) fail("{}: a conversation without messages", place);
        if (std::optional<element> tools = find(in, "tools"))
            for (element tool : array_of(*tools, place, "tools")) document.tools.push_back(simdjson::minify(tool));
        return document;
    }
    std::optional<element> text = find(in, text_field);
    if (!text)
        fail("{}: has neither 'messages' nor '{}': name the field that holds the text with --text-field", place,
             text_field);
    document.text = text_of(*text, place, fmt::format("'{}'", text_field));
    return document;
}

}  // namespace puna
