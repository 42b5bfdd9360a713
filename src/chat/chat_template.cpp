#include "chat/chat_template.h"

#include "chat/jinja/json.h"
#include "core/error.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace puna {

using jinja::Budget;
using jinja::Dict;
using jinja::None;
using jinja::Value;

namespace {

// The usual roles count as the template's own text: many templates write '<|' + message.role + '|>' and mean the
// control token. Any other role is tainted like the content.
constexpr std::string_view known_roles[] = {"system", "user", "assistant", "tool", "ipython", "developer", "function"};

Value role_value(const std::string& role) {
    bool known = std::find(std::begin(known_roles), std::end(known_roles), role) != std::end(known_roles);
    return jinja::decode_utf8(role, known ? 0 : jinja::from_value);
}

// Whether the name stands in the source as a word: a template that reads a field contains its name.
bool mentions(std::string_view source, std::string_view name) {
    auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
    for (size_t at = source.find(name); at != source.npos; at = source.find(name, at + 1)) {
        size_t end = at + name.size();
        if ((at == 0 || !is_word(source[at - 1])) && (end == source.size() || !is_word(source[end]))) return true;
    }
    return false;
}

class ValueBuilder {
 public:
    ValueBuilder(std::string_view source, Budget& budget) : source_(source), budget_(budget) {}

    Value message(const Message& message) {
        Dict dict;
        set(dict, "role", role_value(message.role));
        set(dict, "content",
            message.content_is_json ? parse_json(message.content, "content of a tool message", budget_)
                                    : text(text_of(message)));
        if (!message.tool_calls.empty()) set(dict, "tool_calls", calls(message.tool_calls));
        set_text(dict, "name", message.name);
        set_text(dict, "tool_call_id", message.tool_call_id);
        set_fields(dict, message.fields);
        return make_dict(std::move(dict), budget_);
    }

    Value tools(const std::vector<std::string>& tools) {
        std::vector<Value> values;
        for (const std::string& tool : tools) values.push_back(parse_json(tool, "tool", budget_));
        return make_list(std::move(values), budget_);
    }

    Value texts(const std::vector<std::string>& texts) {
        std::vector<Value> values;
        for (const std::string& each : texts) values.push_back(text(each));
        return make_list(std::move(values), budget_);
    }

    // Those that the caller of apply_chat_template names itself are rejected, as by Python.
    jinja::Variables variables(const std::string& json) {
        constexpr std::string_view what = "chat_template_kwargs";
        Value object = parse_json(json, what, budget_);
        if (!object.is_dict()) fail("{} must be a JSON object", what);
        jinja::Variables variables;
        for (const auto& [key, value] : object.dict().items()) {
            std::string name = jinja::encode_utf8(key.text());
            for (std::string_view taken : {"messages", "tools", "add_generation_prompt"})
                if (name == taken) fail("{}: '{}' is set by the conversation: remove it", what, name);
            variables.emplace_back(std::move(name), value);
        }
        return variables;
    }

    static Value text(const std::string& text) { return jinja::decode_utf8(text, jinja::from_value); }

 private:
    void set(Dict& dict, std::string_view key, Value value) {
        dict.set(jinja::text_value(key), std::move(value), budget_);
    }

    // A field that is there, and that the template may read.
    void set_text(Dict& dict, std::string_view name, const std::string& value) {
        if (!value.empty() && mentions(source_, name)) set(dict, name, text(value));
    }

    void set_fields(Dict& dict, const std::vector<MessageField>& fields) {
        for (const MessageField& field : fields)
            if (mentions(source_, field.name))
                set(dict, field.name,
                    parse_json(field.json, fmt::format("field '{}' of a message", printable(field.name)), budget_));
    }

    Value calls(const std::vector<ToolCall>& calls) {
        std::vector<Value> values;
        for (const ToolCall& call : calls) {
            Dict function, dict;
            set(function, "name", text(call.name));
            set(function, "arguments",
                parse_json(call.arguments, fmt::format("arguments of {}", printable(call.name)), budget_));
            set(dict, "type", jinja::text_value("function"));
            set(dict, "function", make_dict(std::move(function), budget_));
            set_text(dict, "id", call.id);
            set_fields(dict, call.fields);
            values.push_back(make_dict(std::move(dict), budget_));
        }
        return make_list(std::move(values), budget_);
    }

    std::string_view source_;
    Budget& budget_;
};

// "26 Jul 2024"; none if the text is not such a date.
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

size_t size_of(const std::vector<MessageField>& fields) {
    size_t bytes = 0;
    for (const MessageField& field : fields) bytes += field.json.size();
    return bytes;
}

size_t size_of(const Message& message) {
    size_t bytes = text_of(message).size() + size_of(message.fields);
    for (const ToolCall& call : message.tool_calls) bytes += call.arguments.size() + size_of(call.fields);
    return bytes;
}

// The limits grow with the conversation.
jinja::Limits limits_for(std::span<const Message> messages) {
    jinja::Limits limits;
    size_t bytes = 0;
    for (const Message& message : messages) bytes += size_of(message);
    limits.characters += 64 * static_cast<int64_t>(bytes);
    limits.steps += 1000 * static_cast<int64_t>(messages.size());
    return limits;
}

}  // namespace

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
    return render(values(messages, options), messages.size(), options.add_generation_prompt, nullptr);
}

ChatValues ChatTemplate::values(std::span<const Message> messages, const ChatOptions& options) const {
    ChatValues result{.limits = limits_for(messages)};
    Budget budget(result.limits);
    ValueBuilder builder(source_, budget);
    for (const Message& message : messages) result.messages.push_back(builder.message(message));
    result.now = options.date.empty() ? clock_now() : read_date(options.date);
    if (!options.variables.empty()) result.variables = builder.variables(options.variables);  // the first one counts
    result.variables.insert(result.variables.end(), tokens_.begin(), tokens_.end());
    result.variables.emplace_back("tools", options.tools.empty() ? Value(None{}) : builder.tools(options.tools));
    result.variables.emplace_back("documents", None{});
    if (!options.tools_in_user_message) result.variables.emplace_back("tools_in_user_message", false);
    if (!options.builtin_tools.empty())
        result.variables.emplace_back("builtin_tools", builder.texts(options.builtin_tools));
    if (!options.date.empty()) result.variables.emplace_back("date_string", ValueBuilder::text(options.date));
    return result;
}

jinja::Text ChatTemplate::render(const ChatValues& values, size_t count, bool add_generation_prompt,
                                 jinja::MessageTrace* trace) const {
    Budget budget(values.limits);
    auto end = values.messages.begin() + static_cast<ptrdiff_t>(count);
    int depth = 0;
    for (const Value& message : values.messages) depth = std::max(depth, depth_of(message));
    jinja::List messages{{values.messages.begin(), end}, false, depth + 1, trace};
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
