#include "chat/chat_template.h"

#include "chat/jinja/json.h"
#include "core/error.h"

#include <algorithm>
#include <array>

namespace puna {

using namespace jinja;

namespace {

// Names of roles stand for themselves, whoever names them: many templates write '<|' + message.role + '|>', and mean
// the control token. Any other role is a value like the content.
constexpr std::string_view known_roles[] = {"system", "user", "assistant", "tool", "ipython", "developer", "function"};

Value role_value(const std::string& role) {
    bool known = std::find(std::begin(known_roles), std::end(known_roles), role) != std::end(known_roles);
    return decode_utf8(role, known ? 0 : from_value);
}

class ValueMaker {
 public:
    explicit ValueMaker(Budget& budget) : budget_(budget) {}

    Value message(const Message& message) {
        Dict made;
        set(made, "role", role_value(message.role));
        set(made, "content",
            message.content_is_json ? parse_json(message.content, "what a tool answered", budget_)
                                    : text(message.content));
        if (!message.tool_calls.empty()) set(made, "tool_calls", calls(message.tool_calls));
        return make_dict(std::move(made), budget_);
    }

    Value tools(const std::vector<std::string>& tools) {
        std::vector<Value> made;
        for (const std::string& tool : tools) made.push_back(parse_json(tool, "tool", budget_));
        return make_list(std::move(made), budget_);
    }

    Value texts(const std::vector<std::string>& texts) {
        std::vector<Value> made;
        for (const std::string& one : texts) made.push_back(text(one));
        return make_list(std::move(made), budget_);
    }

    static Value text(const std::string& text) { return decode_utf8(text, from_value); }

 private:
    void set(Dict& dict, std::string_view key, Value value) { dict.set(text_value(key), std::move(value), budget_); }

    Value calls(const std::vector<ToolCall>& calls) {
        std::vector<Value> made;
        for (const ToolCall& call : calls) {
            Dict function, outer;
            set(function, "name", text(call.name));
            set(function, "arguments",
                parse_json(call.arguments, fmt::format("arguments of {}", printable(call.name)), budget_));
            set(outer, "type", text_value("function"));
            set(outer, "function", make_dict(std::move(function), budget_));
            made.push_back(make_dict(std::move(outer), budget_));
        }
        return make_list(std::move(made), budget_);
    }

    Budget& budget_;
};

// "26 Jul 2024"; none if it is another text.
std::optional<std::chrono::sys_seconds> read_date(const std::string& text) {
    constexpr std::array months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    unsigned day = 0;
    int year = 0, end = 0;
    char name[4] = {};
    if (std::sscanf(text.c_str(), "%2u %3s %4d%n", &day, name, &year, &end) != 3 ||
        text.size() != static_cast<size_t>(end))
        return {};
    auto month = std::find(months.begin(), months.end(), std::string_view(name)) - months.begin();
    std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month + 1)),
                                     std::chrono::day(day)};
    if (!date.ok()) return {};
    return std::chrono::sys_days(date);
}

std::chrono::sys_seconds clock_now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

// A long conversation may cost more.
Limits limits_for(std::span<const Message> messages) {
    Limits limits;
    size_t bytes = 0;
    for (const Message& message : messages) bytes += message.content.size();
    limits.characters += 64 * static_cast<int64_t>(bytes);
    limits.steps += 1000 * static_cast<int64_t>(messages.size());
    return limits;
}

}  // namespace

bool shows_date(const ChatTemplateText& found) {
    auto names = [&found](std::string_view name) {
        return found.text.find(name) != std::string::npos || found.tool_text.find(name) != std::string::npos;
    };
    return names("date_string") || names("strftime_now");
}

ChatTemplate::ChatTemplate(const ChatTemplateText& found) {
    if (found.text.empty()) fail("{}: no chat template: put the model's own there as chat_template.jinja", found.place);
    plain_ = parse(found.text, found.place);
    if (!found.tool_text.empty()) with_tools_ = parse(found.tool_text, found.place + " (tool_use)");
    for (const auto& [name, token] : found.tokens) {
        tokens_.emplace_back(name, text_of(token));
        if (name == "eos_token") eos_token_ = token;
    }
}

Text ChatTemplate::render(std::span<const Message> messages, const ChatOptions& options) const {
    return render(values(messages, options), messages.size(), options.add_generation_prompt, nullptr);
}

ChatValues ChatTemplate::values(std::span<const Message> messages, const ChatOptions& options) const {
    ChatValues made{.limits = limits_for(messages)};
    Budget budget(made.limits);
    ValueMaker maker(budget);
    for (const Message& message : messages) made.messages.push_back(maker.message(message));
    made.now = options.date.empty() ? clock_now() : read_date(options.date);
    made.variables = tokens_;
    made.variables.emplace_back("tools", options.tools.empty() ? Value(None{}) : maker.tools(options.tools));
    made.variables.emplace_back("documents", None{});
    if (!options.tools_in_user_message) made.variables.emplace_back("tools_in_user_message", false);
    if (!options.builtin_tools.empty())
        made.variables.emplace_back("builtin_tools", maker.texts(options.builtin_tools));
    if (!options.date.empty()) made.variables.emplace_back("date_string", ValueMaker::text(options.date));
    return made;
}

Text ChatTemplate::render(const ChatValues& values, size_t count, bool add_generation_prompt, Watch* watch) const {
    Budget budget(values.limits);
    auto end = values.messages.begin() + static_cast<ptrdiff_t>(count);
    int depth = 0;
    for (const Value& message : values.messages) depth = std::max(depth, depth_of(message));
    List messages{{values.messages.begin(), end}, false, depth + 1, watch};
    if (watch) watch->messages = count;
    Variables variables = values.variables;
    variables.emplace_back("messages", std::make_shared<const List>(std::move(messages)));
    variables.emplace_back("add_generation_prompt", add_generation_prompt);
    return jinja::render(tree_for(values), variables, values.now, budget);
}

const Tree& ChatTemplate::tree_for(const ChatValues& values) const {
    auto tools = std::find_if(values.variables.begin(), values.variables.end(),
                              [](const auto& v) { return v.first == "tools"; });
    bool has_tools = tools != values.variables.end() && is_true(tools->second);
    return has_tools && with_tools_ ? *with_tools_ : plain_;
}

}  // namespace puna
