#include "cli/conversation.h"

#include "chat/messages.h"
#include "core/fields.h"
#include "core/json_document.h"
#include "core/json_text.h"

namespace puna {

namespace {

// More than any context holds, but no more values than bytes: what can be saved can be loaded.
constexpr JsonLimits file_limits{.bytes = 16 << 20, .values = 16 << 20, .unique_names = true};

}  // namespace

void Conversation::set_system(std::string text) {
    if (has_system()) messages.erase(messages.begin());
    if (!text.empty()) messages.insert(messages.begin(), Message{.role = "system", .content = std::move(text)});
}

void Conversation::reset() {
    messages.resize(has_system() ? 1 : 0);
    fields.clear();
}

std::string conversation_json(const Conversation& conversation) {
    GenerateOptions options = conversation.options;
    JsonObject json{{"messages", messages_json(conversation.messages)},
                    {"options", JsonText::verbatim(to_json(list_fields(options)))}};
    for (const MessageField& field : conversation.fields) json.add(field.name, JsonText::verbatim(field.json));
    std::string text = indent_json(json.text(), 2) + "\n";
    if (text.size() > file_limits.bytes)
        fail(ErrorKind::too_large, "the conversation has {} bytes, at most {} can be saved; /reset starts a new one",
             text.size(), file_limits.bytes);
    return text;
}

Conversation parse_conversation(std::string_view json, std::string_view path, const GenerateOptions& defaults) {
    Conversation conversation{.options = defaults};
    JsonDocument file(json, path, file_limits);
    if (!file.root().find("messages")) fail("{}: has no 'messages', so it is not a conversation", path);
    if (file.root().find("tools")) fail(ErrorKind::unsupported, "{}: has 'tools', which a chat does not support", path);
    conversation.messages = read_messages(file.root().need("messages"));
    for (const JsonMember& member : file.root().members())
        if (member.name != "messages" && member.name != "options")
            conversation.fields.push_back({member.name, std::string(member.value.raw())});
    if (std::optional<JsonNode> options = file.root().find("options")) {
        std::vector<Field> list = list_fields(conversation.options);
        from_json(list, *options);
    }
    return conversation;
}

}  // namespace puna
