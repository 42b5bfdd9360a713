#include "chat/turn_end.h"

#include "chat/prompt.h"
#include "core/error.h"

#include <algorithm>
#include <optional>

namespace puna {

namespace {

const std::vector<Message> answered = {{.role = "user", .content = "Question"},
                                       {.role = "assistant", .content = "Answer"}};
const std::vector<Message> called = {
    answered[0], {.role = "assistant", .content_kind = ContentKind::null, .tool_calls = {{"f", "{}"}}}};
const char* const tool =
    R"({"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": "object", "properties": {}}}})";

// The text after the last words of a conversation; empty if the template refuses it.
std::string text_at_end(const ChatTemplateText& found, const std::vector<Message>& messages,
                        const ChatOptions& options) {
    try {
        Prompt prompt = render_prompt(ChatTemplate(found), messages, options);
        size_t end = prompt.text.size();
        for (const PromptSegment& segment : prompt.segments)
            if (segment.literal) end = segment.end;
        return prompt.text.substr(end);
    } catch (const Error&) {  // whoever chats with it is told
        return {};
    }
}

bool writes_calls(const ChatTemplateText& found) {
    constexpr std::string_view field = "tool_calls";
    return found.text.find(field) != found.text.npos || found.tool_text.find(field) != found.tool_text.npos;
}

// Added tokens of text, such as a run of newlines, are not.
bool is_marker(const Tokenizer& tokenizer, int32_t id) {
    return tokenizer.is_control(id) || puna::is_marker(tokenizer.bytes(id));
}

// The markers of a text, and none for each text between them that is more than white space.
std::vector<std::optional<int32_t>> parts_of(const Tokenizer& tokenizer, std::string_view text) {
    std::vector<std::optional<int32_t>> parts;
    auto add = [&](std::string_view bytes, std::optional<int32_t> id, bool) {
        if (id && is_marker(tokenizer, *id))
            parts.emplace_back(id);
        else if (bytes.find_first_not_of(" \t\r\n") != bytes.npos)
            parts.emplace_back();
    };
    auto any = [](std::string_view) { return true; };
    tokenizer.added_tokens().for_each_span(tokenizer.vocabulary(), text, any, add);
    return parts;
}

}  // namespace

std::vector<int32_t> template_stop_ids(const ChatTemplateText& found, const Tokenizer& tokenizer) {
    std::vector<int32_t> ids;
    auto add = [&ids](std::optional<int32_t> id) {
        if (id && std::find(ids.begin(), ids.end(), *id) == ids.end()) ids.push_back(*id);
    };
    for (const auto& [name, text] : found.tokens)  // also one that is not marked as special in tokenizer.json
        if (name == "eos_token") add(tokenizer.vocabulary().added.find(text));
    auto after_answer = parts_of(tokenizer, text_at_end(found, answered, {}));
    if (!after_answer.empty()) add(after_answer.front());
    if (!writes_calls(found)) return ids;
    auto after_call = parts_of(tokenizer, text_at_end(found, called, {.tools = {tool}}));
    if (!after_call.empty()) add(after_call.back());  // those before it may be parts of the call
    return ids;
}

}  // namespace puna
