#include "chat/encode.h"
#include "chat/template_files.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/conversation.h"
#include "cli/terminal.h"
#include "core/atomic_file.h"
#include "core/console.h"
#include "core/mapped_file.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace puna {

namespace {

struct ChatFlags {
    std::string system;
    bool json = false;
    int threads = 0;
};
template <class F>
void fields(ChatFlags& o, F field) {
    field("system", o.system, "what the model should be or do, as its first message");
    field("json", o.json, "print each answer as one JSON object on a line");
    field("threads", o.threads, "how many to use; 0: all processors");
}

class Chat {
 public:
    Chat(Engine& engine, const ChatTemplate& chat, GenerateOptions options, const ChatFlags& flags)
        : engine_(engine),
          template_(chat),
          session_(engine.open()),
          conversation_{.options = std::move(options)},
          json_(flags.json) {
        conversation_.set_system(flags.system);
    }

    int talk();

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
    void note(std::string_view text) const;  // about the chat, apart from what the model says
    void complain(std::string_view text);

    void help(const std::string&);
    void system(const std::string& text);
    void reset(const std::string&);
    void save(const std::string& path);
    void load(const std::string& path);
    void exit(const std::string&) { leaving_ = true; }

    Engine& engine_;
    const ChatTemplate& template_;
    Session session_;
    Conversation conversation_;
    bool json_, terminal_ = is_terminal(), leaving_ = false, failed_ = false;
};

const Chat::Command Chat::commands[] = {
    {"/help", "", "show this", &Chat::help},
    {"/system", "TEXT", "what the model should be or do, from now on; without TEXT: nothing", &Chat::system},
    {"/reset", "", "forget what was said; the system message stays", &Chat::reset},
    {"/save", "FILE", "write the conversation and the options as JSON", &Chat::save},
    {"/load", "FILE", "go on with a conversation that was saved", &Chat::load},
    {"/exit", "", "leave, as /bye and Ctrl-D", &Chat::exit},
    {"/bye", "", "", &Chat::exit},
};

void Chat::note(std::string_view text) const {
    if (terminal_) {
        print_now(dimmed(text) + "\n");
    } else {
        print_status("{}\n", text);
    }
}

// What could not be done: said at once; a script also finds it in the exit code.
void Chat::complain(std::string_view text) {
    failed_ = failed_ || !terminal_;
    print_status("puna: {}\n", text);
}

void Chat::help(const std::string&) {
    for (const Command& command : commands)
        if (!command.about.empty()) note(fmt::format("{:<8}{:<6}{}", command.name, command.argument, command.about));
    note(
        "\"\"\"           opens a message of several lines, and closes it; a \\ at the end of a line goes on with the "
        "next");
    note("Ctrl-C        stops an answer, or gives up the line");
}

void Chat::system(const std::string& text) {
    conversation_.set_system(text);
    note(text.empty() ? "no system message" : "system message set");
}

void Chat::reset(const std::string&) {
    conversation_.reset();
    note("everything that was said is forgotten");
}

// What /save wrote is written again; any other file was meant by mistake.
void check_replaceable(const std::string& path) {
    std::error_code absent;
    if (!std::filesystem::is_regular_file(path, absent) || std::filesystem::is_empty(path, absent)) return;
    MappedFile there(path);
    try {
        parse_conversation(there.text(), path, {});
    } catch (const Error&) {
        fail("{}: is there already, and is no saved conversation: name another file", path);
    }
}

void Chat::save(const std::string& path) {
    check_replaceable(path);
    write_file(path, conversation_json(conversation_));
    note(fmt::format("saved {} messages to {}", conversation_.messages.size(), path));
}

void Chat::load(const std::string& path) {
    conversation_ = parse_conversation(MappedFile(path).text(), path, conversation_.options);
    note(fmt::format("loaded {} messages from {}", conversation_.messages.size(), path));
}

void Chat::run_command(std::string_view line) {
    std::string_view name = line.substr(0, line.find_first_of(" \t"));
    std::string_view rest = line.substr(name.size());
    size_t begin = rest.find_first_not_of(" \t"), end = rest.find_last_not_of(" \t");
    std::string argument(begin == rest.npos ? std::string_view() : rest.substr(begin, end - begin + 1));
    for (const Command& command : commands) {
        if (command.name != name) continue;
        if (command.argument == "FILE" && argument.empty()) fail("{}: name a file", name);
        return (this->*command.run)(argument);
    }
    fail("{} is not a command: /help shows those there are", printable(name));
}

Answer Chat::stream(const ChatTokens& prompt) {
    return engine_.generate(session_, prompt.ids, conversation_.options, [&](std::string_view text) {
        if (!json_ && !text.empty()) print_now(terminal_ ? without_controls(text) : text);
        return !interrupted();
    });
}

void Chat::close(const Answer& answer) {
    print_now(json_ ? answer_json(answer) + "\n" : "\n");
    int64_t said = static_cast<int64_t>(answer.ids.size());
    if (answer.finish == Finish::context)
        note(
            fmt::format("the answer ends here: the context is full: {} tokens of prompt and {} of answer, it holds {}; "
                        "/reset begins anew",
                        answer.prompt_tokens, said, engine_.context()));
    if (answer.finish == Finish::length)
        note(fmt::format("the answer ends here: {} tokens were asked for (--max-tokens)", said));
    if (answer.finish == Finish::cancelled) note("the answer ends here: Ctrl-C");
    if (terminal_ && !json_) note(speed_line(answer));
}

// A message that cannot be answered is not part of the conversation.
void Chat::answer(std::string message) {
    std::vector<Message>& messages = conversation_.messages;
    messages.push_back({.role = "user", .content = std::move(message)});
    Answer said;
    try {
        said = stream(encode_chat(template_, engine_.tokenizer(), messages, {.add_generation_prompt = true}));
    } catch (const ContextFull& full) {
        messages.pop_back();
        fail("{}; nothing was dropped: say it shorter, or /reset to begin anew", full.what());
    } catch (const Error&) {
        messages.pop_back();
        throw;
    }
    messages.push_back({.role = "assistant", .content = said.text});
    close(said);
}

int Chat::talk() {
    LineReader reader(history_file());
    MessageLines lines;
    if (terminal_) {
        note_interrupts();
        note("/help shows the commands");
    }
    while (!leaving_) {
        Line line = reader.read(lines.empty() ? "> " : ". ");
        if (line.kind == Line::interrupted) lines.take();
        bool cut_off = !terminal_ && line.kind == Line::end && !lines.empty();  // the end of input ends a message too
        if (line.kind == Line::end && !cut_off) break;
        if (line.kind == Line::interrupted || (!cut_off && !lines.add(line.content))) continue;
        bool is_command = lines.is_plain() && line.content.starts_with('/');
        std::string message = lines.take();
        if (message.find_first_not_of(" \t\r\n") == message.npos) continue;
        try {
            is_command ? run_command(message) : answer(std::move(message));
        } catch (const OutputFailed&) {
            throw;
        } catch (const Error& problem) {
            complain(problem.what());
        }
    }
    return failed_ ? 1 : 0;
}

}  // namespace

int run_chat(Arguments arguments) {
    std::string model;
    EngineLoadOptions load;
    GenerateOptions said;
    ChatFlags chat;
    Flags flags("chat", "Talk with a model. /help shows what can be done meanwhile; Ctrl-C stops an answer.",
                "puna chat models/starter --temperature 0.8");
    flags.positional("MODEL", model, "a Hugging Face folder");
    flags.add(list_fields(chat));
    flags.add(list_fields(said));
    flags.add(list_fields(load));
    if (!flags.parse(arguments)) return 0;
    check_usage([&] {
        validate(said);
        validate(load);
    });
    use_threads(chat.threads);

    Engine engine = load_engine(model, load);
    ChatTemplate chat_template(find_chat_template(model, engine.tokenizer()));
    if (std::optional<int32_t> end = engine.tokenizer().find_control(chat_template.eos_token())) engine.add_stop(*end);
    GenerateOptions options = with_model_defaults(engine, flags, said);
    flags.print(notes_on(options, engine, flags));
    return Chat(engine, chat_template, options, chat).talk();
}

}  // namespace puna
