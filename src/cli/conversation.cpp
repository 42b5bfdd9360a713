#include "cli/conversation.h"

#include "chat/messages.h"
#include "chat/training_conversation.h"
#include "core/fields.h"
#include "core/json_document.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "data/document_reader.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

namespace puna {

namespace {

// More than any context holds, but no more values than bytes: what can be saved can be loaded.
constexpr JsonLimits file_limits{.bytes = 16 << 20, .values = 16 << 20, .names = JsonNames::unique};

// Where the turns begin, and the end of the last one.
std::vector<ptrdiff_t> turn_bounds(const std::vector<Message>& messages) {
    std::vector<ptrdiff_t> bounds;
    for (size_t i = 0; i < messages.size(); ++i)
        if (messages[i].role == "user") bounds.push_back(static_cast<ptrdiff_t>(i));
    bounds.push_back(std::ssize(messages));
    return bounds;
}

struct Place {
    std::string path;
    int64_t line = 0, item = -1;  // of a record, as in Piece; otherwise the only one
    bool is_whole() const { return line == 0 && item < 0; }
    bool has(const Piece& piece) const {
        return is_whole() || (item >= 0 ? piece.item == item : piece.item < 0 && piece.line == line);
    }
};

// The number between `open` and the end, or `close` there; -1: there is none.
int64_t number_behind(std::string_view name, size_t open, std::string_view close) {
    if (open == name.npos || !name.ends_with(close)) return -1;
    std::string_view digits = name.substr(open + 1, name.size() - open - 1 - close.size());
    int64_t number = -1;
    auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return problem == std::errc() && end == digits.data() + digits.size() ? number : -1;
}

Place parse_place(const std::string& name) {
    size_t bracket = name.rfind('['), colon = name.rfind(':');
    if (file_exists(name)) return {name};
    if (int64_t item = number_behind(name, bracket, "]"); item >= 0) return {name.substr(0, bracket), 0, item};
    if (int64_t line = number_behind(name, colon, ""); line > 0) return {name.substr(0, colon), line, -1};
    return {name};
}

// The JSON of the record at that place.
std::string read_record_at(const Place& place) {
    std::error_code absent;
    if (std::filesystem::exists(place.path, absent) && !std::filesystem::is_regular_file(place.path, absent))
        fail("{}: is not a regular file", place.path);  // reading a pipe could wait forever
    InputFile file{.path = place.path, .format = format_of(place.path), .named = true};
    if (file.is_text()) file.format = InputFormat::json;
    DocumentReader reader({file}, {.batch_bytes = 1 << 20, .max_record = file_limits.bytes});
    std::optional<std::string> found;
    while (std::optional<PieceBatch> batch = reader.next()) {
        for (const Piece& piece : batch->pieces) {
            if (found && place.is_whole())
                fail(ErrorKind::usage, "{}: holds several conversations: name one of them, such as {}", place.path,
                     place_of(piece, file));
            if (!found && place.has(piece)) found = batch->text(piece);
        }
        if ((!found || place.is_whole()) && !batch->bad.empty()) throw batch->bad[0].problem;
    }
    if (!found) fail(ErrorKind::not_found, "{}: has no such conversation", place.path);
    return *found;
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

bool names_record(const std::string& name) {
    Place place = parse_place(name);
    return !place.is_whole() && file_exists(place.path);
}

Conversation load_conversation(const std::string& name, const GenerateOptions& defaults) {
    std::string json = read_record_at(parse_place(name));
    JsonDocument record(json, name, file_limits);
    if (!record.root().is_object() || record.root().find("messages")) return parse_conversation(json, name, defaults);
    std::optional<TrainingConversation> read = read_training_conversation(record.root());
    if (!read) fail("{}: is not a conversation", name);
    if (!read->tools.empty()) fail(ErrorKind::unsupported, "{}: has 'tools', which a chat does not support", name);
    return {.messages = std::move(read->messages), .options = defaults};
}

}  // namespace puna
