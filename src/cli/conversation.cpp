#include "cli/conversation.h"

#include "chat/messages.h"
#include "core/fields.h"
#include "core/json_document.h"
#include "core/json_text.h"

#include <algorithm>

namespace puna {

namespace {

// More than any context holds, but no more values than bytes: what can be saved can be loaded.
constexpr JsonLimits file_limits{.bytes = 16 << 20, .values = 16 << 20, .unique_names = true};

// Where the turns begin, and the end of the last one.
std::vector<ptrdiff_t> turn_bounds(const std::vector<Message>& messages) {
    std::vector<ptrdiff_t> bounds;
    for (size_t i = 0; i < messages.size(); ++i)
        if (messages[i].role == "user") bounds.push_back(static_cast<ptrdiff_t>(i));
    bounds.push_back(std::ssize(messages));
    return bounds;
}

}  // namespace

void Conversation::set_system(std::string text) {
    if (has_system()) messages.erase(messages.begin());
    if (!text.empty()) messages.insert(messages.begin(), Message{.role = "system", .content = std::move(text)});
}

void Conversation::reset() {
    messages.resize(has_system() ? 1 : 0);
    fields.clear();
}

size_t Conversation::turns() const { return turn_bounds(messages).size() - 1; }

std::vector<Turn> Conversation::last_turns(size_t count) const {
    std::vector<ptrdiff_t> bounds = turn_bounds(messages);
    std::vector<Turn> last;
    for (size_t i = bounds.size() - 1 - std::min(count, bounds.size() - 1); i + 1 < bounds.size(); ++i)
        last.emplace_back(messages.begin() + bounds[i], messages.begin() + bounds[i + 1]);
    return last;
}

Turn Conversation::remove_last_turn() {
    Turn last = last_turns(1).at(0);
    messages.resize(messages.size() - last.size());
    return last;
}

std::vector<Turn> Conversation::remove_oldest_turns(size_t count) {
    std::vector<ptrdiff_t> bounds = turn_bounds(messages);
    std::vector<Turn> removed = last_turns(turns());
    removed.resize(count);
    messages.erase(messages.begin() + bounds[0], messages.begin() + bounds[count]);
    return removed;
}

// By halving: counting renders and encodes the whole conversation.
size_t turns_to_trim(const Conversation& conversation, int64_t max_tokens,
                     const std::function<int64_t(std::span<const Message>)>& count) {
    size_t enough = conversation.turns() - std::min<size_t>(conversation.turns(), 1), too_few = 0;
    auto fits = [&](size_t removed) {
        Conversation rest{.messages = conversation.messages};
        rest.remove_oldest_turns(removed);
        return count(rest.messages) <= max_tokens;
    };
    if (enough == 0 || fits(0)) return 0;
    while (enough - too_few > 1) {
        size_t middle = too_few + (enough - too_few) / 2;
        (fits(middle) ? enough : too_few) = middle;
    }
    return enough;
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
