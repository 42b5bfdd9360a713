#include "chat/chat_values.h"

#include "chat/jinja/json.h"
#include "chat/loss_fields.h"
#include "core/error.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

namespace puna {

using jinja::Budget;
using jinja::Dict;
using jinja::from_value;
using jinja::None;
using jinja::Value;

namespace {

// These count as the template's own text; any other role is tainted like the content.
constexpr std::string_view known_roles[] = {"system", "user", "assistant", "tool", "ipython", "developer", "function"};

Value role_value(const std::string& role) {
    bool known = std::find(std::begin(known_roles), std::end(known_roles), role) != std::end(known_roles);
    return jinja::decode_utf8(role, known ? 0 : from_value);
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

    // flags: of its words.
    Value message(const Message& message, char32_t flags) {
        flags_ = flags;
        Dict dict;
        set(dict, "role", role_value(message.role));
        if (message.content_kind != ContentKind::absent) set(dict, "content", content(message));
        if (!message.tool_calls.empty()) set(dict, "tool_calls", calls(message.tool_calls));
        set_text(dict, "name", message.name);
        set_text(dict, "tool_call_id", message.tool_call_id);
        set_fields(dict, message.fields);
        flags_ = from_value;
        return make_dict(std::move(dict), budget_);
    }

    Value tools(const std::vector<std::string>& tools) {
        std::vector<Value> values;
        for (const std::string& tool : tools) values.push_back(parse_json(tool, "tool"));
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
        Value object = parse_json(json, what);
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

    Value text(const std::string& text) const { return jinja::decode_utf8(text, flags_); }

 private:
    Value parse_json(std::string_view json, std::string_view origin) const {
        return jinja::parse_json(json, origin, budget_, flags_);
    }
    void set(Dict& dict, std::string_view key, Value value) {
        dict.set(jinja::text_value(key), std::move(value), budget_);
    }

    // A field that is there, and that the template may read.
    void set_text(Dict& dict, std::string_view name, const std::string& value) {
        if (!value.empty() && mentions(source_, name)) set(dict, name, text(value));
    }

    void set_fields(Dict& dict, const std::vector<MessageField>& fields) {
        for (const MessageField& field : fields)
            if (mentions(source_, field.name)) dict.set(text(field.name), field_value(field), budget_);
    }

    Value field_value(const MessageField& field) {
        return parse_json(field.json, fmt::format("field '{}' of a message", printable(field.name)));
    }

    Value content(const Message& message) {
        if (message.content_kind == ContentKind::null) return None{};
        if (message.content_kind == ContentKind::json) return parse_json(message.content, "content of a tool message");
        return text(text_of(message));
    }

    Value calls(const std::vector<ToolCall>& calls) {
        std::vector<Value> values;
        for (const ToolCall& call : calls) {
            Dict function, dict;
            set(function, "name", text(call.name));
            set(function, "arguments",
                parse_json(call.arguments, fmt::format("arguments of {}", printable(call.name))));
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
    char32_t flags_ = from_value;
};

LossMark mark_of(std::string_view role, bool in_loss) {
    if (role != "assistant") return LossMark::none;
    return in_loss ? LossMark::answer : LossMark::context;
}

LossMark mark_of(const JsonNode& message) {
    std::optional<JsonNode> role = message.find("role");
    if (!role || !role->is_string() || role->text() != "assistant") return LossMark::none;
    std::optional<LossFlag> flag = read_loss_flag(message);
    return mark_of("assistant", !flag || flag->in_loss);
}

Value given_value(const JsonNode& node, Budget& budget, char32_t flags = from_value) {
    return jinja::parse_json(node.raw(), node.place(), budget, flags);
}

Value given_message(const JsonNode& message, Budget& budget, char32_t flags) {
    Dict dict;
    for (const JsonMember& member : message.members()) {
        bool is_role = member.name == "role" && member.value.is_string();
        dict.set(jinja::decode_utf8(member.name, from_value),
                 is_role ? role_value(member.value.text()) : given_value(member.value, budget, flags), budget);
    }
    return make_dict(std::move(dict), budget);
}

// Of the words of a message; answers: those before it.
char32_t flags_of(LossMark mark, size_t& answers) {
    return from_value | (mark == LossMark::answer ? jinja::answer_flag(answers++) : jinja::other_message);
}

std::optional<std::chrono::sys_days> day_of(int year, unsigned month, unsigned day) {
    std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
    return date.ok() ? std::optional(std::chrono::sys_days(date)) : std::nullopt;
}

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
    return day_of(year, static_cast<unsigned>(month + 1), day);
}

// "2024-07-26T13:05:09", also without the time.
std::optional<std::chrono::sys_seconds> read_time(const std::string& text) {
    unsigned month = 0, day = 0;
    int year = 0, hour = 0, minute = 0, second = 0, date_end = -1, end = -1;
    std::sscanf(text.c_str(), "%4d-%2u-%2u%nT%2d:%2d:%2d%n", &year, &month, &day, &date_end, &hour, &minute, &second,
                &end);
    std::optional<std::chrono::sys_days> date = day_of(year, month, day);
    bool whole = text.size() == static_cast<size_t>(end) || text.size() == static_cast<size_t>(date_end);
    bool valid = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60;
    if (!date || !whole || !valid) return {};
    return *date + std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
}

std::chrono::sys_seconds clock_now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

// Empty: now. Throws Error for other texts.
std::chrono::sys_seconds time_of(const std::string& date) {
    if (date.empty()) return clock_now();
    if (std::optional<std::chrono::sys_seconds> day = read_date(date)) return *day;
    if (std::optional<std::chrono::sys_seconds> time = read_time(date)) return *time;
    fail_field("date", "'{}' is no date: write it as 26 Jul 2024 or 2024-07-26T13:05:09", printable(date));
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

jinja::Limits limits_for(size_t bytes, size_t messages) {
    jinja::Limits limits;
    limits.characters += 64 * static_cast<int64_t>(bytes);
    limits.steps += 1000 * static_cast<int64_t>(messages);
    return limits;
}

jinja::Limits limits_for(std::span<const Message> messages) {
    size_t bytes = 0;
    for (const Message& message : messages) bytes += size_of(message);
    return limits_for(bytes, messages.size());
}

jinja::Limits limits_for(const JsonNode& variables) {
    std::optional<JsonNode> messages = variables.find("messages");
    return limits_for(variables.raw().size(), messages ? messages->items().size() : 0);
}

}  // namespace

ChatValues chat_values(std::span<const Message> messages, const ChatOptions& options, std::string_view source,
                       const jinja::Variables& special_tokens) {
    ChatValues result{.add_generation_prompt = options.add_generation_prompt, .limits = limits_for(messages)};
    Budget budget(result.limits);
    ValueBuilder builder(source, budget);
    size_t answers = 0;
    for (const Message& message : messages) {
        result.marks.push_back(mark_of(message.role, message.in_loss));
        result.messages.push_back(builder.message(message, flags_of(result.marks.back(), answers)));
    }
    result.now = options.date.empty() ? clock_now() : read_date(options.date);
    if (!options.variables.empty()) result.variables = builder.variables(options.variables);  // the first one counts
    result.variables.insert(result.variables.end(), special_tokens.begin(), special_tokens.end());
    result.variables.emplace_back("tools", options.tools.empty() ? Value(None{}) : builder.tools(options.tools));
    result.variables.emplace_back("documents", None{});
    if (!options.tools_in_user_message) result.variables.emplace_back("tools_in_user_message", false);
    if (!options.builtin_tools.empty())
        result.variables.emplace_back("builtin_tools", builder.texts(options.builtin_tools));
    if (!options.date.empty()) result.variables.emplace_back("date_string", builder.text(options.date));
    return result;
}

ChatValues chat_values(const JsonNode& variables, const jinja::Variables& special_tokens, const std::string& date) {
    ChatValues result{.add_generation_prompt = variables.boolean("add_generation_prompt", false),
                      .now = time_of(date),
                      .limits = limits_for(variables)};
    Budget budget(result.limits);
    size_t answers = 0;
    if (std::optional<JsonNode> messages = variables.find("messages"))
        for (const JsonNode& message : messages->items()) {
            result.marks.push_back(mark_of(message));
            result.messages.push_back(given_message(message, budget, flags_of(result.marks.back(), answers)));
        }
    for (const JsonMember& member : variables.members())
        if (member.name != "messages" && member.name != "add_generation_prompt")
            result.variables.emplace_back(member.name, given_value(member.value, budget));
    result.variables.insert(result.variables.end(), special_tokens.begin(), special_tokens.end());
    for (const char* name : {"tools", "documents"}) result.variables.emplace_back(name, None{});
    if (read_date(date)) result.variables.emplace_back("date_string", jinja::decode_utf8(date, from_value));
    return result;
}

}  // namespace puna
