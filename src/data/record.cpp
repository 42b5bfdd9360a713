#include "data/record.h"

#include "chat/loss_fields.h"
#include "chat/messages.h"
#include "core/error.h"
#include "core/utf8.h"
#include "data/text_kind.h"

#include <algorithm>

namespace puna {

namespace {

std::string text_without_mark(const JsonNode& node) { return std::string(without_byte_order_mark(node.text())); }

[[noreturn]] void fail_without_document(const JsonNode& object, std::string_view text_field) {
    if (std::string_view found = unsupported_format(object); !found.empty())
        fail(ErrorKind::unsupported,
             "{}: holds {}, which is not supported: convert it to \"messages\", a list of {{\"role\", \"content\"}}",
             object.place(), found);
    if (text_field == "messages") fail("{}: has no 'messages'", object.place());
    std::string begin = fmt::format(
        "{}: has neither a conversation ('messages', ShareGPT's 'conversations', Alpaca's 'instruction' and 'output') "
        "nor a text in '{}': ",
        object.place(), printable(text_field));
    throw Error(begin + "text_field names another field", "text_field", begin.size(), ErrorKind::failed);
}

Record read_object(const JsonNode& object, std::string_view text_field) {
    if (std::optional<LossFlag> flag = read_loss_flag(object); flag && !flag->in_loss)
        fail("{}: '{}' is {}: remove the record", object.place(), flag->name, flag->value);
    Record record{.conversation = read_training_conversation(object, text_field)};
    if (record.conversation) return record;
    if (!object.find(text_field)) fail_without_document(object, text_field);
    record.text = text_without_mark(object.need(text_field));
    return record;
}

}  // namespace

int64_t text_bytes(const Record& record) {
    if (!record.conversation) return std::ssize(record.text);
    int64_t bytes = 0;
    for (const Message& message : record.conversation->messages)
        bytes += message.tool_calls.empty() ? std::ssize(text_of(message)) : 0;
    return bytes;
}

Record parse_record(std::string_view json, std::string_view place, std::string_view text_field) {
    std::string_view content = without_leading_space(json);
    if (content.starts_with('['))
        fail(
            "{}: is an array, not a document: a file that is one array of documents is named .json; messages are "
            "written as {{\"messages\": [...]}}",
            place);
    if (content.find_first_not_of("{ \t\r") == content.npos)
        fail(
            "{}: a record begins here and goes on in the next line: write each one on one line (jq -c .), or name the "
            "file .json",
            place);
    JsonDocument document(json, place, message_limits);
    JsonNode root = document.root();
    return root.is_string() ? Record{.text = text_without_mark(root)} : read_object(root, text_field);
}

Record read_record(std::string_view json, std::string_view place, const std::string& path,
                   std::string_view text_field) {
    try {
        return parse_record(json, place, text_field);
    } catch (const Error& problem) {
        throw BadInput(problem, path, BadInput::record, find_utf8_errors(json).count > 0);
    }
}

}  // namespace puna
