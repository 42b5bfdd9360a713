#include "chat/encode.h"
#include "chat/template_files.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/conversation.h"
#include "cli/terminal.h"
#include "core/atomic_file.h"
#include "core/console.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "core/utf8.h"
#include "data/text_kind.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace puna {

namespace {

struct ChatFlags {
    std::string system;
};
template <class F>
void fields(ChatFlags& o, F field) {
    field.group("Conversation");
    field("system", o.system, "system message: what the model should be or do");
}

class Chat {
 public:
    Chat(Engine& engine, const ChatTemplate& chat, std::vector<int32_t> stop_ids, GenerateOptions options,
         const std::string& system, bool json)
        : engine_(engine),
          template_(chat),
          stop_ids_(std::move(stop_ids)),
          conversation_{.options = std::move(options)},
          json_(json) {
        conversation_.set_system(system);
    }

    int run();

 private:
    struct Command {
        std::string_view name, argument, about;
        void (Chat::*run)(const std::string& argument);
    };
    static const Command commands[];

    void run_command(std::string_view line);
    void answer(std::string message);
    Answer stream(const ChatTokens& prompt);
    void close(const Answer& answer);
    void note(std::string_view text) const;  // dimmed or on standard error, apart from the model's text
    void report_error(std::string_view text);

    void help(const std::string&);
    void system(const std::string& text);
    void reset(const std::string&);
    void save(const std::string& path);
    void load(const std::string& path);
    void exit(const std::string&) { exiting_ = true; }

    Engine& engine_;
    const ChatTemplate& template_;
    std::vector<int32_t> stop_ids_;
    Conversation conversation_;
    bool json_, terminal_ = is_terminal(), exiting_ = false, failed_ = false;
};

const Chat::Command Chat::commands[] = {
    {"/help", "", "show this help", &Chat::help},
    {"/system", "TEXT", "set the system message (empty: remove it)", &Chat::system},
    {"/reset", "", "start a new conversation; the system message stays", &Chat::reset},
    {"/save", "FILE", "write the conversation and the options as JSON", &Chat::save},
    {"/load", "FILE", "continue a saved conversation", &Chat::load},
    {"/exit", "", "leave; also /bye or Ctrl-D", &Chat::exit},
    {"/bye", "", "", &Chat::exit},
};

void Chat::note(std::string_view text) const {
    if (terminal_) {
        print_now(dimmed(text) + "\n");
    } else {
        print_status("{}\n", text);
    }
}

// Errors are printed at once; without a terminal they also make the exit code 1.
void Chat::report_error(std::string_view text) {
    failed_ = failed_ || !terminal_;
    print_status("puna: {}\n", text);
}

void Chat::help(const std::string&) {
    for (const Command& command : commands)
        if (!command.about.empty()) note(fmt::format("{:<8}{:<6}{}", command.name, command.argument, command.about));
    note(
        "\"\"\"           opens and closes a message of several lines; a \\ at the end of a line continues it on the "
        "next");
    note("Ctrl-C        stops an answer, or clears the line");
}

void Chat::system(const std::string& text) {
    conversation_.set_system(text);
    note(text.empty() ? "no system message" : "system message set");
}

void Chat::reset(const std::string&) {
    conversation_.reset();
    note("conversation cleared");
}

// /save overwrites saved conversations only: any other existing file was named by mistake.
void check_replaceable(const std::string& path) {
    std::error_code absent;
    if (!std::filesystem::is_regular_file(path, absent) || std::filesystem::is_empty(path, absent)) return;
    MappedFile existing(path);
    try {
        parse_conversation(existing.text(), path, {});
    } catch (const Error&) {
        fail("{}: already exists and is not a saved conversation; choose another file", path);
    }
}

void Chat::save(const std::string& path) {
    check_replaceable(path);
    write_file(path, conversation_json(conversation_));
    note(fmt::format("saved {} to {}", format_count(std::ssize(conversation_.messages), "message"), path));
}

void Chat::load(const std::string& path) {
    MappedFile file(path);
    reject_non_text(file.text(), path);
    conversation_ = parse_conversation(file.text(), path, conversation_.options);
    note(fmt::format("loaded {} from {}", format_count(std::ssize(conversation_.messages), "message"), path));
}

void Chat::run_command(std::string_view line) {
    std::string_view name = line.substr(0, line.find_first_of(" \t"));
    std::string_view rest = line.substr(name.size());
    size_t begin = rest.find_first_not_of(" \t"), end = rest.find_last_not_of(" \t");
    std::string argument(begin == rest.npos ? std::string_view() : rest.substr(begin, end - begin + 1));
    for (const Command& command : commands) {
        if (command.name != name) continue;
        if (command.argument == "FILE" && argument.empty()) fail("{0} needs a file: {0} FILE", name);
        if (command.argument.empty() && !argument.empty())
            fail("{} takes no argument, '{}' was given", name, printable(argument));
        return (this->*command.run)(argument);
    }
    fail("unknown command '{}'; /help lists the commands", printable(name));
}

Answer Chat::stream(const ChatTokens& prompt) {
    Request request{.tokens = prompt.ids, .options = conversation_.options, .stop_ids = stop_ids_};
    return engine_.generate(std::move(request), [&](std::string_view text) {
        if (!json_ && !text.empty()) print_now(terminal_ ? without_controls(text) : text);
        return !interrupted();
    });
}

void Chat::close(const Answer& answer) {
    print_now(json_ ? answer_json(answer) + "\n" : "\n");
    int64_t generated = static_cast<int64_t>(answer.ids.size());
    if (answer.finish == Finish::context)
        note(
            fmt::format("[stopped: the context is full: {} prompt tokens and {} generated, it holds {}; "
                        "/reset starts a new conversation]",
                        answer.prompt_tokens, generated, engine_.context()));
    if (answer.finish == Finish::length) note(fmt::format("[stopped: reached --max-tokens {}]", generated));
    if (answer.finish == Finish::canceled) note("[stopped: Ctrl-C]");
    if (terminal_ && !json_) note(speed_line(answer));
}

// A message that cannot be answered is not part of the conversation.
void Chat::answer(std::string message) {
    if (message.find('\0') != message.npos) fail("the message contains a zero byte: convert it to UTF-8 (iconv)");
    std::vector<Message>& messages = conversation_.messages;
    messages.push_back({.role = "user", .content = std::move(message)});
    Answer reply;
    try {
        reply = stream(encode_chat(template_, engine_.tokenizer(), messages, {.add_generation_prompt = true}));
    } catch (const Error& problem) {
        messages.pop_back();
        if (problem.kind != ErrorKind::too_large) throw;
        fail(problem.kind,
             "the conversation is too long: {}; shorten the message, or start a new conversation with /reset",
             problem.what());
    }
    messages.push_back({.role = "assistant", .content = reply.text});
    close(reply);
}

// A pipe may hold something else than text. A line of another encoding is kept as it is; a wrong file ends the chat.
void check_piped(std::string& line, int64_t number) {
    if (number == 1) reject_other_formats(line, "standard input");
    if (number == 1 && line.starts_with(byte_order_mark)) line.erase(0, byte_order_mark.size());
    if (Utf8Errors errors = find_utf8_errors(line); errors.count > 0)
        warn_about_invalid_utf8(fmt::format("standard input:{}", number), errors.first);
}

int Chat::run() {
    LineReader reader(history_file());
    MessageLines lines;
    int64_t lines_read = 0;
    if (terminal_) {
        note_interrupts();
        note("/help lists the commands");
    }
    while (!exiting_) {
        Line line = reader.read(lines.empty() ? "> " : ". ");
        if (line.kind == Line::interrupted) lines.take();
        if (!terminal_) check_piped(line.content, ++lines_read);
        bool unfinished = !terminal_ && line.kind == Line::end && !lines.empty();  // end of input completes a message
        if (line.kind == Line::end && !unfinished) break;
        if (line.kind == Line::interrupted || (!unfinished && !lines.add(line.content))) continue;
        bool is_command = lines.is_plain() && line.content.starts_with('/');
        std::string message = lines.take();
        if (message.find_first_not_of(" \t\r\n") == message.npos) continue;
        try {
            is_command ? run_command(message) : answer(std::move(message));
        } catch (const Error& problem) {
            if (problem.kind == ErrorKind::output || problem.kind == ErrorKind::closed) throw;
            report_error(problem.what());
        }
    }
    return failed_ ? 1 : 0;
}

}  // namespace

int run_chat(Arguments arguments) {
    std::string model;
    EngineLoadOptions load;
    GenerateOptions requested;
    ChatFlags chat;
    Flags flags(
        "chat",
        "Chat with a model in the terminal, or answer the lines of a pipe. In the chat, /help lists the commands "
        "and Ctrl-C stops an answer. Sampling defaults come from the model's generation_config.json if there is "
        "one; those below apply otherwise.",
        "puna chat models/starter --temperature 0.8\n"
        "echo \"Tell me a story.\" | puna chat models/starter --seed 1");
    flags.positional("MODEL", model, model_help);
    flags.add(list_fields(requested));
    flags.add(list_fields(load));
    flags.add(list_fields(chat));
    flags.add_json("print each answer as one JSON object on a line");
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;

    Engine engine = load_engine(model, load);
    ChatTemplateText found = load_chat_template(model, engine.tokenizer());
    ChatTemplate chat_template(found);
    if (found.is_llama3s)
        log_warning("{}: has no chat template, so it may never have seen conversations: {} is used", model,
                    found.origin);
    chat_template.without_tools();  // before the first message is typed
    // A special token that is not marked as one in tokenizer.json is one nevertheless.
    const Vocabulary& vocabulary = engine.tokenizer().vocabulary();
    std::vector<int32_t> stop_ids;
    if (std::optional<int32_t> end = vocabulary.added.find(chat_template.eos_token())) stop_ids.push_back(*end);
    GenerateOptions options = with_model_defaults(engine, flags, requested);
    flags.print(notes_on(options, engine, flags));
    return Chat(engine, chat_template, stop_ids, options, chat.system, flags.json()).run();
}

}  // namespace puna
