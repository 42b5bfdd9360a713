#include "data/jsonl.h"

#include "chat/loss_fields.h"
#include "chat/messages.h"
#include "core/error.h"

#include <algorithm>

namespace puna {

namespace {

// Fields of other formats that would change the prompt.
constexpr std::string_view unsupported_beside_messages[] = {"system", "functions", "function_call"};

// Beside messages, another field with a text or an answer: which of them is meant?
void reject_second_document(const JsonNode& line, std::string_view text_field) {
    for (std::string_view other : {text_field, std::string_view("completion")})
        if (other != "messages" && line.find(other))
            fail("{}: has both 'messages' and '{}': remove one of them", line.place(), printable(other));
}

void read_conversation(JsonlDocument& document, const JsonNode& line) {
    for (std::string_view name : unsupported_beside_messages)
        if (line.find(name))
            fail(ErrorKind::unsupported,
                 "{}: '{}' would affect training but is not supported: move it into the messages or remove it",
                 line.place(), name);
    document.messages = read_messages(line.need("messages"));
    if (document.messages.empty()) fail("{}: the conversation has no messages", line.place());
    if (std::optional<JsonNode> tools = line.find("tools"))
        for (const JsonNode& tool : tools->items()) document.tools.push_back(compact_json(tool.raw()));
    if (std::optional<JsonNode> variables = line.find("chat_template_kwargs")) document.variables = variables->raw();
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

[[noreturn]] void fail_without_document(const JsonNode& line, std::string_view text_field) {
    for (const OtherFormat& format : other_formats)
        if (line.find(format.field))
            fail(
                "{}: has the format {}, which is not supported: convert it to \"messages\", a list of "
                "{{\"role\", \"content\"}}",
                line.place(), format.name);
    if (text_field == "messages") fail("{}: has no 'messages'", line.place());
    fail("{}: has neither 'messages' nor '{}': set text_field to the name of the field that holds the text",
         line.place(), printable(text_field));
}

}  // namespace

JsonlDocument parse_jsonl(std::string_view text, std::string_view location, std::string_view text_field) {
    std::string_view content = text.substr(std::min(text.find_first_not_of(" \t\r"), text.size()));
    if (content.starts_with('['))
        fail("{}: a line must be a JSON object, not an array: write one object per line (jq -c '.[]')", location);
    if (content.find_first_not_of("{ \t\r") == content.npos)
        fail("{}: a record begins here and goes on in the next line: write each one on one line (jq -c .)", location);
    JsonDocument parsed(text, location, message_limits);
    JsonNode line = parsed.root();
    if (std::optional<LossFlag> flag = read_loss_flag(line); flag && !flag->in_loss)
        fail("{}: '{}' is {}: remove the line", location, flag->name, flag->value);
    JsonlDocument document;
    if (line.find("messages")) {
        reject_second_document(line, text_field);
        read_conversation(document, line);
        return document;
    }
    if (!line.find(text_field)) fail_without_document(line, text_field);
    document.text = line.need(text_field).text();
    return document;
}

}  // namespace puna
