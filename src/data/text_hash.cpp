#include "data/text_hash.h"

#include "core/hash.h"
#include "core/json.h"

#include <string>

namespace puna {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void add_text(std::string& said, std::string_view text) {
    for (size_t i = 0; i < text.size() && said.size() < hashed_text_bytes; ++i)
        if (!is_blank(text[i])) said += text[i];
}

// However it is spelled: keys, strings and numbers of a JSON text.
void add_json(std::string& said, std::string_view json) {
    read_json(json, "a tool's JSON", [&](const JsonEvent& event) {
        bool text = event.kind == JsonEvent::key || event.kind == JsonEvent::string;
        add_text(said, text ? event.text : event.spelled);
    });
}

uint64_t hash_of(std::string_view said) {
    Hash hash;
    hash.add(std::as_bytes(std::span(said)));
    return hash.value();
}

}  // namespace

uint64_t hash_text(std::string_view text) {
    std::string said;
    add_text(said, text);
    return hash_of(said);
}

uint64_t hash_conversation(std::span<const Message> messages) {
    std::string said;
    for (const Message& message : messages) {
        add_text(said, message.role == "ipython" ? "tool" : message.role);
        if (message.tool_calls.empty())
            message.content_is_json ? add_json(said, message.content) : add_text(said, message.content);
        for (const ToolCall& call : message.tool_calls) {
            add_text(said, call.name);
            add_json(said, call.arguments);
        }
    }
    return hash_of(said);
}

}  // namespace puna
