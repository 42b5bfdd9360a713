#include "data/text_hash.h"

#include "core/error.h"
#include "core/hash.h"
#include "core/json_document.h"
#include "data/text_kind.h"

#include <algorithm>
#include <string>
#include <vector>

namespace puna {

namespace {

void add_text(std::string& content, std::string_view text) {
    text = without_byte_order_mark(text);
    for (size_t i = 0; i < text.size() && content.size() < hashed_text_bytes; ++i)
        if (!is_white_space(text[i])) content += text[i];
}

// Of an object or list only what it is.
std::string own_text(JsonNode node) {
    if (node.is_object() || node.is_array()) return node.is_object() ? "{" : "[";
    if (node.is_number()) return fmt::format("{}", node.number());
    return node.is_string() ? node.text() : std::string(node.raw());
}

// A hash of each value with its path, so that the order of keys, white space, escapes and the spelling of numbers do
// not matter.
void add_values(std::vector<uint64_t>& hashes, JsonNode node, uint64_t path) {
    auto path_of = [path](int64_t index, std::string_view key) {
        return hash_bytes(fmt::format("{} {} {}", path, index, key));
    };
    hashes.push_back(hash_bytes(fmt::format("{} {}", path, own_text(node))));
    int64_t index = 0;
    if (node.is_object())
        for (const JsonMember& member : node.members()) add_values(hashes, member.value, path_of(0, member.name));
    if (node.is_array())
        for (JsonNode item : node.items()) add_values(hashes, item, path_of(index++, ""));
}

// What cannot be read as JSON (or nests too deep, or has numbers beyond a double) counts as text.
void add_json(std::string& content, std::string_view json) {
    std::vector<uint64_t> hashes;
    try {
        JsonDocument document(json, "");
        add_values(hashes, document.root(), 0);
    } catch (const Error&) {
        return add_text(content, json);
    }
    std::sort(hashes.begin(), hashes.end());
    content.append(reinterpret_cast<const char*>(hashes.data()), hashes.size() * sizeof(uint64_t));
}

// An object or a list, or its JSON as text, which is the same to a reader.
void add_tool_result(std::string& content, std::string_view result) {
    std::string_view begin = without_leading_space(result);
    begin.starts_with('{') || begin.starts_with('[') ? add_json(content, result) : add_text(content, result);
}

}  // namespace

uint64_t hash_text(std::string_view text) {
    std::string content;
    add_text(content, text);
    return hash_bytes(content);
}

uint64_t hash_conversation(std::span<const Message> messages) {
    std::string content;
    for (const Message& message : messages) {
        bool is_tool = message.role == "ipython" || message.role == "tool";
        std::string text = text_of(message);
        if (message.role == "system" && is_blank(text)) continue;
        add_text(content, is_tool ? "tool" : message.role);
        if (message.tool_calls.empty()) is_tool ? add_tool_result(content, text) : add_text(content, text);
        for (const ToolCall& call : message.tool_calls) {
            add_text(content, call.name);
            add_json(content, call.arguments);
        }
    }
    return hash_bytes(content);
}

}  // namespace puna
