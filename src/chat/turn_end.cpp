#include "chat/turn_end.h"

#include "chat/prompt.h"
#include "core/error.h"

#include <optional>

namespace puna {

namespace {

constexpr std::string_view answer = "Answer";

std::string render_answer(const ChatTemplateText& found) {
    const std::vector<Message> messages = {{.role = "user", .content = "Question"},
                                           {.role = "assistant", .content = std::string(answer)}};
    try {
        return render_prompt(ChatTemplate(found), messages).text;
    } catch (const Error&) {
        return {};  // whoever chats with it is told
    }
}

// Added tokens of text, such as a run of newlines, are not.
bool is_marker(const Tokenizer& tokenizer, int32_t id) {
    std::string_view text = tokenizer.bytes(id);
    bool bracketed = (text.starts_with('<') && text.ends_with('>')) || (text.starts_with('[') && text.ends_with(']'));
    return tokenizer.is_control(id) || bracketed;
}

}  // namespace

std::vector<int32_t> template_stop_ids(const ChatTemplateText& found, const Tokenizer& tokenizer) {
    std::string text = render_answer(found);
    size_t at = text.rfind(answer);
    if (at == text.npos) return {};
    std::optional<int32_t> end;
    bool is_next = true;  // nothing but white space precedes it
    auto any = [](std::string_view) { return true; };
    tokenizer.added_tokens().for_each_span(tokenizer.vocabulary(), std::string_view(text).substr(at + answer.size()),
                                           any, [&](std::string_view bytes, std::optional<int32_t> id) {
                                               if (is_next && id && is_marker(tokenizer, *id)) end = id;
                                               is_next =
                                                   is_next && !end && bytes.find_first_not_of(" \t\r\n") == bytes.npos;
                                           });
    return end ? std::vector<int32_t>{*end} : std::vector<int32_t>();
}

}  // namespace puna
