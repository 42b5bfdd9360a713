#include "chat/training_conversation.h"

#include "chat/loss_fields.h"
#include "chat/messages.h"
#include "core/error.h"
#include "core/json_text.h"

#include <iterator>
#include <span>

namespace puna {

namespace {

std::vector<Message> read_list(const JsonNode& list) { return read_messages(list, MessageForm::training_data); }

// A text of the role, or a list of messages.
std::vector<Message> read_turns(const JsonNode& value, std::string_view role) {
    if (value.is_array()) return read_list(value);
    return {{.role = std::string(role), .content = value.text()}};
}

// Messages of a prompt are context, whatever their role.
void take_out_of_loss(std::vector<Message>& messages, const JsonNode& prompt) {
    if (prompt.is_array())
        for (const JsonNode& message : prompt.items())
            if (std::optional<LossFlag> flag = read_loss_flag(message, false); flag && flag->in_loss)
                fail(ErrorKind::unsupported,
                     "{}: '{}' puts a message of the prompt in the loss: use \"messages\", a list of both",
                     message.place(), flag->name);
    for (Message& message : messages)
        if (message.role == "assistant") message.in_loss = false;
}

void append(std::vector<Message>& messages, std::vector<Message> more) {
    messages.insert(messages.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::vector<Message> read_completion(const JsonNode& object, std::string_view completion) {
    JsonNode prompt = object.need("prompt");
    std::vector<Message> messages = read_turns(prompt, "user");
    take_out_of_loss(messages, prompt);
    append(messages, read_turns(object.need(completion), "assistant"));
    return messages;
}

// Earlier turns of Alpaca: [["What is 2 + 3?", "5"], ...].
void add_history(std::vector<Message>& messages, const JsonNode& history) {
    for (const JsonNode& turn : history.items()) {
        std::vector<JsonNode> texts = turn.items();
        if (texts.size() != 2) turn.reject("must be a list of two texts: an instruction and its output");
        messages.push_back({.role = "user", .content = texts[0].text()});
        messages.push_back({.role = "assistant", .content = texts[1].text()});
    }
}

std::vector<Message> read_alpaca(const JsonNode& object) {
    std::vector<Message> messages;
    if (std::optional<JsonNode> history = object.find("history")) add_history(messages, *history);
    std::string instruction = object.need("instruction").text(), input = object.text("input", "");
    std::string_view blank_line = instruction.empty() || input.empty() ? "" : "\n\n";
    messages.push_back({.role = "user", .content = fmt::format("{}{}{}", instruction, blank_line, input)});
    messages.push_back({.role = "assistant", .content = object.need("output").text()});
    return messages;
}

// By the fields that an object of it must have; the first format of which all are there counts.
struct Format {
    std::string_view field, second_field;
    std::vector<Message> (*read)(const JsonNode&);
};
const Format formats[] = {
    {"messages", "", [](const JsonNode& o) { return read_list(o.need("messages")); }},
    {"conversations", "", [](const JsonNode& o) { return read_list(o.need("conversations")); }},
    {"conversation", "", [](const JsonNode& o) { return read_list(o.need("conversation")); }},
    {"instruction", "output", read_alpaca},
    {"prompt", "completion", [](const JsonNode& o) { return read_completion(o, "completion"); }},
    {"prompt", "response", [](const JsonNode& o) { return read_completion(o, "response"); }},
};
const Format& openai = formats[0];

const Format* find_format(const JsonNode& object, std::string_view text_field) {
    for (const Format& format : formats) {
        if (text_field == format.field && &format != &openai) continue;
        if (!format.second_field.empty() && text_field == format.second_field) continue;
        if (!object.find(format.field) || (!format.second_field.empty() && !object.find(format.second_field))) continue;
        return &format;
    }
    return nullptr;
}

// Another document beside this one: which of them is meant?
void reject_second_document(const JsonNode& object, const Format& format, std::string_view text_field) {
    std::string_view others[] = {text_field, "conversations", "conversation", "completion"};
    for (std::string_view other : others)
        if (!other.empty() && other != format.field && other != format.second_field && object.find(other))
            fail("{}: has both '{}' and '{}': remove one of them", object.place(), format.field, printable(other));
}

// Fields that would change the prompt, or mean that the answer is not one to learn.
void reject_unsupported(const JsonNode& object, const Format& format) {
    constexpr std::string_view unsupported[] = {"functions", "function_call"}, of_openai[] = {"system"},
                               of_others[] = {"system_prompt", "chosen", "rejected"};
    auto reject = [&](std::span<const std::string_view> names) {
        for (std::string_view name : names)
            if (object.find(name))
                fail(ErrorKind::unsupported,
                     "{}: '{}' would affect training but is not supported: move it into the messages or remove it",
                     object.place(), name);
    };
    reject(unsupported);
    &format == &openai ? reject(of_openai) : reject(of_others);
}

void add_system_message(std::vector<Message>& messages, const JsonNode& object) {
    std::string text = object.text("system", "");
    if (text.empty()) return;
    if (!messages.empty() && messages[0].role == "system")
        fail("{}: has 'system' and a system message: remove one of them", object.place());
    messages.insert(messages.begin(), Message{.role = "system", .content = text});
}

// A list, or its JSON as text.
std::vector<std::string> read_tools(const JsonNode& tools) {
    std::vector<std::string> definitions;
    auto add = [&definitions](const JsonNode& list) {
        for (const JsonNode& tool : list.items()) definitions.push_back(compact_json(tool.raw()));
    };
    if (!tools.is_string()) {
        add(tools);
    } else if (std::string text = tools.text(); !text.empty()) {
        JsonDocument list(text, tools.place(), message_limits);
        add(list.root());
    }
    return definitions;
}

}  // namespace

std::optional<TrainingConversation> read_training_conversation(const JsonNode& object, std::string_view text_field) {
    const Format* format = find_format(object, text_field);
    if (!format) return {};
    reject_second_document(object, *format, text_field);
    reject_unsupported(object, *format);
    TrainingConversation conversation{.messages = format->read(object)};
    if (conversation.messages.empty()) fail("{}: the conversation has no messages", object.place());
    if (format != &openai) add_system_message(conversation.messages, object);
    if (std::optional<JsonNode> tools = object.find("tools")) conversation.tools = read_tools(*tools);
    if (std::optional<JsonNode> variables = object.find("chat_template_kwargs"))
        conversation.variables = variables->raw();
    return conversation;
}

std::string_view unsupported_format(const JsonNode& object) {
    struct OtherFormat {
        std::string_view field, name;
    };
    constexpr OtherFormat others[] = {{"chosen", "preference pairs (chosen, rejected)"},
                                      {"rejected", "preference pairs (chosen, rejected)"},
                                      {"instruction", "an instruction without 'output'"},
                                      {"completion", "a completion without 'prompt'"},
                                      {"prompt", "a prompt without 'completion'"},
                                      {"response", "a response without 'prompt'"},
                                      {"answer", "a question and its answer"},
                                      {"output", "an input and its output"}};
    for (const OtherFormat& other : others)
        if (object.find(other.field)) return other.name;
    bool is_message = (object.find("role") && object.find("content")) || (object.find("from") && object.find("value"));
    return is_message ? "a message that is in no list" : "";
}

}  // namespace puna
