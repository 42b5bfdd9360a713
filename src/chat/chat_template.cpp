#include "chat/chat_template.h"

#include "core/error.h"

#include <algorithm>

namespace puna {

using jinja::Budget;
using jinja::Value;

bool shows_date(const ChatTemplateText& found) {
    auto uses = [&found](std::string_view name) {
        return found.text.find(name) != std::string::npos || found.tool_text.find(name) != std::string::npos;
    };
    return uses("date_string") || uses("strftime_now");
}

ChatTemplate::ChatTemplate(const ChatTemplateText& found) : origin_(found.origin) {
    if (!found.problem.empty()) fail("{}", found.problem);
    if (found.text.empty() && found.tool_text.empty())
        fail(ErrorKind::unsupported, "{}: no chat template: add the model's own as chat_template.jinja", found.origin);
    source_ = found.text + "\n" + found.tool_text;
    if (!found.text.empty()) plain_ = jinja::parse(found.text, found.origin);
    if (!found.tool_text.empty()) with_tools_ = jinja::parse(found.tool_text, found.tool_origin);
    for (const auto& [name, token] : found.tokens) {
        tokens_.emplace_back(name, jinja::text_of(token));
        if (name == "eos_token") eos_token_ = token;
    }
}

jinja::Text ChatTemplate::render(std::span<const Message> messages, const ChatOptions& options) const {
    return render(values(messages, options));
}

ChatValues ChatTemplate::values(std::span<const Message> messages, const ChatOptions& options) const {
    return chat_values(messages, options, source_, tokens_);
}

ChatValues ChatTemplate::values(const JsonNode& variables, const std::string& date) const {
    return chat_values(variables, tokens_, date);
}

jinja::Text ChatTemplate::render(const ChatValues& values) const {
    return render(values, values.messages.size(), values.add_generation_prompt, nullptr);
}

jinja::Text ChatTemplate::render(const ChatValues& values, size_t count, bool add_generation_prompt,
                                 jinja::MessageTrace* trace) const {
    Budget budget(values.limits);
    auto end = values.messages.begin() + static_cast<ptrdiff_t>(count);
    int depth = 0;
    for (const Value& message : values.messages) depth = std::max(depth, depth_of(message));
    jinja::List messages{{values.messages.begin(), end}, jinja::ListKind::list, depth + 1, trace};
    if (trace) trace->messages = count;
    jinja::Variables variables = values.variables;
    variables.emplace_back("messages", std::make_shared<const jinja::List>(std::move(messages)));
    variables.emplace_back("add_generation_prompt", add_generation_prompt);
    return jinja::render(tree_for(values), variables, values.now, budget);
}

const jinja::Tree& ChatTemplate::tree_for(const ChatValues& values) const {
    auto tools = std::find_if(values.variables.begin(), values.variables.end(),
                              [](const auto& v) { return v.first == "tools"; });
    bool has_tools = tools != values.variables.end() && is_true(tools->second);
    return has_tools && with_tools_ ? *with_tools_ : without_tools();
}

const jinja::Tree& ChatTemplate::without_tools() const {
    if (plain_) return *plain_;
    fail("{}: the model's only chat template is for conversations with tools; add another as chat_template.jinja",
         with_tools_->origin);
}

}  // namespace puna
