#include "data/text_hash.h"

#include "core/hash.h"
#include "core/json.h"

#include <string>

namespace puna {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void add_text(std::string& content, std::string_view text) {
    for (size_t i = 0; i < text.size() && content.size() < hashed_text_bytes; ++i)
        if (!is_blank(text[i])) content += text[i];
}

// Keys, strings and numbers of a JSON text, independent of white space and escapes.
void add_json(std::string& content, std::string_view json) {
    read_json(json, "a tool's JSON", [&](const JsonEvent& event) {
        bool text = event.kind == JsonEvent::key || event.kind == JsonEvent::string;
        add_text(content, text ? event.text : event.raw);
    });
}

uint64_t hash_of(std::string_view content) {
    Hash hash;
    hash.add(std::as_bytes(std::span(content)));
    return hash.value();
}

}  // namespace

uint64_t hash_text(std::string_view text) {
    std::string content;
    add_text(content, text);
    return hash_of(content);
}

uint64_t hash_conversation(std::span<const Message> messages) {
    std::string content;
    for (const Message& message : messages) {
        add_text(content, message.role == "ipython" ? "tool" : message.role);
        if (message.tool_calls.empty())
            message.content_is_json ? add_json(content, message.content) : add_text(content, message.content);
        for (const ToolCall& call : message.tool_calls) {
            add_text(content, call.name);
            add_json(content, call.arguments);
        }
    }
    return hash_of(content);
}

}  // namespace puna
