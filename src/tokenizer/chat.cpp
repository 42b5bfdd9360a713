#include "tokenizer/chat.h"

#include "core/error.h"
#include "core/json.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/json_text.h"
#include "tokenizer/unicode.h"

#include <algorithm>
#include <chrono>

namespace puna {

namespace {

// What the templates say, word by word.
constexpr std::string_view knowledge_date = "Cutting Knowledge Date: December 2023\n";
constexpr std::string_view default_date = "26 Jul 2024";
constexpr std::string_view call_format =
    "Respond in the format {\"name\": function name, \"parameters\": dictionary of argument name and its value}."
    "Do not use variables.\n\n";
constexpr std::string_view tools_for_user =
    "Given the following functions, please respond with a JSON for a function call with its proper arguments that best "
    "answers the given prompt.\n\n";
constexpr std::string_view tools_for_system =
    "You have access to the following functions. To call a function, please respond with JSON for a function call.";

bool is_blank(uint32_t code) { return class_of(code) == CharacterClass::space || (code >= 0x1c && code <= 0x1f); }

// Without blanks at both ends, as Python's str.strip.
std::string_view strip(std::string_view text) {
    size_t begin = text.size(), end = 0;
    for (size_t at = 0; at < text.size();) {
        Character c = read_character(text, at);
        at += c.size;
        if (is_blank(c.code)) continue;
        begin = std::min(begin, at - c.size);
        end = at;
    }
    return begin < end ? text.substr(begin, end - begin) : std::string_view{};
}

// "05 Nov 2026", in UTC.
std::string today() {
    constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now())};
    return fmt::format("{:02} {} {}", static_cast<unsigned>(day.day()), months[static_cast<unsigned>(day.month()) - 1],
                       static_cast<int>(day.year()));
}

// brave_search.call(query="weather in Vienna")
std::string python_call(const ToolCall& call) {
    std::string arguments;
    read_json(call.arguments, fmt::format("arguments of {}", printable(call.name)), [&](const JsonEvent& event) {
        if (event.kind == JsonEvent::key) {
            arguments += fmt::format("{}{}=", arguments.empty() ? "" : ", ", event.text);
        } else if (event.depth > 0) {
            if (event.kind != JsonEvent::string || event.depth > 1)
                fail("arguments of {}: a built-in tool takes texts only", printable(call.name));
            arguments += fmt::format("\"{}\"", event.text);
        } else if (event.kind != JsonEvent::begin_object && event.kind != JsonEvent::end_object) {
            fail("arguments of {}: not a JSON object", printable(call.name));
        }
    });
    return fmt::format("{}.call({})", call.name, arguments);
}

bool is_tool(const Message& message) { return message.role == "tool" || message.role == "ipython"; }

// Writes turns one after the other.
class Chat {
 public:
    Chat(const Tokenizer& tokenizer, Encoder& encoder, const ChatOptions& options)
        : tokenizer_(tokenizer),
          encoder_(encoder),
          options_(options),
          format_(options.format.value_or(tokenizer.chat_format())) {
        if (has_builtin() && !has_builtin_tools(format_))
            fail("built-in tools are known to Llama 3.1 and 3.3 only: offer {} as a tool of your own",
                 options.builtin_tools[0]);
    }

    ChatTokens encode(std::span<const Message> messages) {
        if (options_.begin_of_text) add_control("<|begin_of_text|>");
        if (format_ != ChatFormat::llama3) {
            bool given = !messages.empty() && messages[0].role == "system";
            add_turn("system", system_text(given ? strip(messages[0].content) : std::string_view{}));
            if (given) messages = messages.subspan(1);
        }
        bool offer = !options_.tools.empty() && (options_.tools_in_user_message || format_ == ChatFormat::llama3);
        for (const Message& message : messages) {
            if (offer && message.role == "user") {
                add_turn("user", tools_text(tools_for_user) + std::string(strip(message.content)));
                offer = false;
            } else {
                add_message(message);
            }
        }
        if (offer) fail("tools are shown in the first user message, but there is none: add one");
        if (options_.add_generation_prompt) add_header("assistant");
        return std::move(tokens_);
    }

 private:
    void add_control(std::string_view name) { add_ids({tokenizer_.control(name)}); }
    void add_text(std::string_view text) { add_ids(encoder_.encode(text)); }
    void add_ids(const std::vector<int32_t>& ids) {
        tokens_.ids.insert(tokens_.ids.end(), ids.begin(), ids.end());
        tokens_.spoken.resize(tokens_.ids.size(), speaking_);
    }

    // A text after a header is encoded together with the header's newlines: they could be one token with its beginning.
    void add_header(std::string_view role, std::string_view text = {}) {
        add_control("<|start_header_id|>");
        add_text(role);
        add_control("<|end_header_id|>");
        add_text("\n\n" + std::string(text));
    }

    void add_turn(std::string_view role, std::string_view text) {
        add_header(role, text);
        add_control("<|eot_id|>");
    }

    void add_message(const Message& message) {
        if (is_tool(message)) return add_turn("ipython", tool_text(message));
        if (message.role != "assistant") return add_turn(message.role, strip(message.content));
        add_header("assistant");
        speaking_ = message.in_loss;
        if (message.tool_calls.empty()) {
            add_text(strip(message.content));
            add_control("<|eot_id|>");
        } else {
            add_call(message);
        }
        speaking_ = false;
    }

    static std::string tool_text(const Message& message) {
        return message.content_is_json ? respell_json(message.content, "what a tool answered", 0)
                                       : quote_json(message.content);
    }

    void add_call(const Message& message) {
        if (message.tool_calls.size() != 1)
            fail("a message calls {} tools: these models call one at a time", message.tool_calls.size());
        const ToolCall& call = message.tool_calls[0];
        const std::vector<std::string>& builtin = options_.builtin_tools;
        if (std::find(builtin.begin(), builtin.end(), call.name) != builtin.end()) {
            add_control("<|python_tag|>");
            add_text(python_call(call));
        } else {
            // The name stands in quotes as it is: the templates do not escape it.
            std::string arguments =
                respell_json(call.arguments, fmt::format("arguments of {}", printable(call.name)), 0);
            add_text(fmt::format("{{\"name\": \"{}\", \"parameters\": {}}}", call.name, arguments));
        }
        // eom: the assistant goes on when the tool has answered.
        add_control(has_builtin() ? "<|eom_id|>" : "<|eot_id|>");
    }

    bool has_builtin() const { return !options_.builtin_tools.empty(); }

    std::string system_text(std::string_view message) const {
        std::string text;
        if (has_builtin() || !options_.tools.empty()) text += "Environment: ipython\n";
        if (has_builtin()) text += fmt::format("Tools: {}\n\n", join_builtin());
        text += knowledge_date;
        text += fmt::format("Today Date: {}\n\n", date());
        if (!options_.tools.empty() && !options_.tools_in_user_message) text += tools_text(tools_for_system);
        return text += message;
    }

    std::string date() const {
        if (!options_.date.empty()) return options_.date;
        return format_ == ChatFormat::llama3_2 ? today() : std::string(default_date);
    }

    std::string join_builtin() const {
        std::string names;
        for (const std::string& name : options_.builtin_tools)
            if (name != "code_interpreter") names += (names.empty() ? "" : ", ") + name;
        return names;
    }

    std::string tools_text(std::string_view opening) const {
        std::string text(opening);
        text += call_format;
        for (const std::string& tool : options_.tools) text += respell_json(tool, "tool", 4) + "\n\n";
        return text;
    }

    const Tokenizer& tokenizer_;
    Encoder& encoder_;
    const ChatOptions& options_;
    ChatFormat format_;
    ChatTokens tokens_;
    bool speaking_ = false;
};

}  // namespace

ChatTokens encode_chat(const Tokenizer& tokenizer, Encoder& encoder, std::span<const Message> messages,
                       const ChatOptions& options) {
    return Chat(tokenizer, encoder, options).encode(messages);
}

ChatTokens encode_chat(const Tokenizer& tokenizer, std::span<const Message> messages, const ChatOptions& options) {
    Encoder encoder(tokenizer, 0);
    return encode_chat(tokenizer, encoder, messages, options);
}

}  // namespace puna
