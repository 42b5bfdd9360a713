#include "data/text_hash.h"

#include "core/error.h"
#include "core/hash.h"
#include "core/json.h"
#include "data/text_kind.h"

#include <algorithm>
#include <string>
#include <vector>

namespace puna {

namespace {

void add_text(std::string& content, std::string_view text) {
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    for (size_t i = 0; i < text.size() && content.size() < hashed_text_bytes; ++i)
        if (!is_blank(text.substr(i, 1))) content += text[i];
}

uint64_t hash_of(std::string_view content) {
    Hash hash;
    hash.add(std::as_bytes(std::span(content)));
    return hash.value();
}

// A hash of each value of a JSON text with its path, so that the order of keys, white space, escapes and the spelling
// of numbers do not matter.
class ValueHashes {
 public:
    void on_event(const JsonEvent& event) {
        if (event.kind == JsonEvent::key) {
            levels_.back().key = event.text;
            return;
        }
        if (event.kind == JsonEvent::end_object || event.kind == JsonEvent::end_array) return levels_.pop_back();
        uint64_t path = path_of_next();
        hashes_.push_back(hash_of(fmt::format("{} {}", path, text_of(event))));
        if (event.kind == JsonEvent::begin_object || event.kind == JsonEvent::begin_array) levels_.push_back({path});
    }

    std::string sorted() {
        std::sort(hashes_.begin(), hashes_.end());
        return {reinterpret_cast<const char*>(hashes_.data()), hashes_.size() * sizeof(uint64_t)};
    }

 private:
    struct Level {
        uint64_t path;
        std::string key;  // of the next value; empty in a list
        int64_t items = 0;
    };

    uint64_t path_of_next() {
        if (levels_.empty()) return 0;
        Level& level = levels_.back();
        return hash_of(fmt::format("{} {} {}", level.path, level.key.empty() ? level.items++ : 0, level.key));
    }

    static std::string text_of(const JsonEvent& event) {
        if (event.kind == JsonEvent::integer || event.kind == JsonEvent::number)
            return fmt::format("{}", event.number_value);
        return std::string(event.kind == JsonEvent::string ? event.text : event.raw);
    }

    std::vector<Level> levels_;
    std::vector<uint64_t> hashes_;
};

void add_json(std::string& content, std::string_view json) {
    ValueHashes values;
    read_json(json, "a tool's JSON", [&values](const JsonEvent& event) { values.on_event(event); });
    content += values.sorted();
}

// An object or a list, or its JSON as text, which is the same to a reader.
void add_tool_result(std::string& content, std::string_view result) {
    size_t begin = std::min(result.find_first_not_of(" \t\r\n"), result.size());
    if (!result.substr(begin).starts_with('{') && !result.substr(begin).starts_with('['))
        return add_text(content, result);
    try {
        add_json(content, result);
    } catch (const Error&) {  // not JSON after all
        add_text(content, result);
    }
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
        bool is_tool = message.role == "ipython" || message.role == "tool";
        if (message.role == "system" && is_blank(message.content)) continue;
        add_text(content, is_tool ? "tool" : message.role);
        if (message.tool_calls.empty())
            is_tool ? add_tool_result(content, message.content) : add_text(content, message.content);
        for (const ToolCall& call : message.tool_calls) {
            add_text(content, call.name);
            add_json(content, call.arguments);
        }
    }
    return hash_of(content);
}

}  // namespace puna
