#include "cli/conversation.h"

#include "core/fields.h"
#include "core/json.h"

#include <nlohmann/json.hpp>

namespace puna {

namespace {

constexpr size_t max_file_bytes = 16 << 20;  // bytes: more than any context holds

// Builds the conversation from the file's JSON events.
class Reader {
 public:
    Reader(std::string_view path, Conversation& conversation) : path_(path), conversation_(conversation) {}

    void on_event(const JsonEvent& event) {
        if (event.depth == 0 && event.kind != JsonEvent::begin_object && event.kind != JsonEvent::end_object)
            fail("{}: not a JSON object", path_);
        if (event.kind == JsonEvent::key && event.depth == 1) begin_field(event.text);
        if (event.kind == JsonEvent::key && event.depth == 3) message_key_ = event.text;
        bool tools = event.kind == JsonEvent::key &&
                     (event.depth == 1 ? event.text == "tools"
                                       : top_key_ == "messages" && event.depth == 3 && event.text == "tool_calls");
        if (tools) fail("{}: has '{}', which a chat does not support", path_, event.text);
        if (top_key_ == "messages") on_message(event);
        if (top_key_ == "options" && event.depth == 1) on_options(event);
    }

    bool has_messages() const { return has_messages_; }

    // The text of the options object; empty if the file has none.
    std::string_view options_of(std::string_view json) const {
        return json.substr(options_begin_, options_end_ - options_begin_);
    }

 private:
    void begin_field(std::string_view key) {
        top_key_ = key;
        bool* seen = key == "messages" ? &has_messages_ : key == "options" ? &has_options_ : nullptr;
        if (seen && std::exchange(*seen, true)) fail("{}: duplicate key '{}'", path_, key);
    }

    void on_message(const JsonEvent& event) {
        if (event.kind == JsonEvent::key) return;
        if (event.depth == 1 && event.kind != JsonEvent::begin_array && event.kind != JsonEvent::end_array)
            fail("{}: 'messages' is not a list", path_);
        if (event.depth == 2 && event.kind == JsonEvent::begin_object) {
            conversation_.messages.emplace_back();
            has_content_ = false;
        } else if (event.depth == 2 && event.kind == JsonEvent::end_object) {
            check_message();
        } else if (event.depth == 2) {
            fail("{}: message {} is not an object", path_, conversation_.messages.size() + 1);
        }
        if (event.depth != 3 || event.kind != JsonEvent::string) return;
        Message& message = conversation_.messages.back();
        if (message_key_ == "role") message.role = event.text;
        if (message_key_ == "content") message.content = event.text;
        if (message_key_ == "content") has_content_ = true;
    }

    void check_message() const {
        const std::vector<Message>& all = conversation_.messages;
        const std::string& role = all.back().role;
        bool first = all.size() == 1;
        if (role != "user" && role != "assistant" && !(role == "system" && first))
            fail("{}: message {} has the role '{}'; use user, assistant, or system for the first", path_, all.size(),
                 printable(role));
        if (!has_content_) fail("{}: message {} has no text in 'content'", path_, all.size());
    }

    void on_options(const JsonEvent& event) {
        if (event.kind == JsonEvent::key) return;
        if (event.kind == JsonEvent::begin_object) {
            options_begin_ = event.position - 1;
        } else if (event.kind == JsonEvent::end_object) {
            options_end_ = event.position;
        } else {
            fail("{}: 'options' is not an object", path_);
        }
    }

    std::string_view path_;
    Conversation& conversation_;
    std::string top_key_, message_key_;
    bool has_content_ = false, has_messages_ = false, has_options_ = false;
    size_t options_begin_ = 0, options_end_ = 0;
};

}  // namespace

void Conversation::set_system(std::string text) {
    if (has_system()) messages.erase(messages.begin());
    if (!text.empty()) messages.insert(messages.begin(), Message{.role = "system", .content = std::move(text)});
}

void Conversation::reset() { messages.resize(has_system() ? 1 : 0); }

std::string conversation_json(Conversation& conversation) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Message& message : conversation.messages)
        list.push_back({{"role", message.role}, {"content", message.content}});
    nlohmann::ordered_json options = nlohmann::ordered_json::parse(to_json(list_fields(conversation.options)));
    nlohmann::ordered_json json{{"messages", list}, {"options", options}};
    std::string text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    if (text.size() > max_file_bytes)
        fail("the conversation has {} bytes, at most {} can be saved; /reset starts a new one", text.size(),
             max_file_bytes);
    return text;
}

Conversation parse_conversation(std::string_view json, std::string_view path, const GenerateOptions& defaults) {
    Conversation conversation{.options = defaults};
    Reader reader(path, conversation);
    if (json.size() > max_file_bytes)
        fail("{}: has {} bytes, a conversation has at most {}", path, json.size(), max_file_bytes);
    read_json(json, path, [&](const JsonEvent& event) { reader.on_event(event); });
    std::string_view options = reader.options_of(json);
    std::vector<Field> list = list_fields(conversation.options);
    if (!options.empty()) from_json(list, options, fmt::format("{}: options", path));
    try {
        validate(conversation.options);
    } catch (const Error& problem) {
        fail("{}: options: {}", path, problem.what());
    }
    if (!reader.has_messages()) fail("{}: has no 'messages', so it is not a conversation", path);
    return conversation;
}

}  // namespace puna
