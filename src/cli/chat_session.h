// cli/chat_session.h — a conversation with a model, typed in a terminal or written to a pipe.
//
//   ChatSession session(engine, chat_template, {.model = "models/starter", .options = options});
//   int code = session.run();                                // until /exit, Ctrl-D or the end of the pipe
//
// Answers go to standard output. Notes, such as the results of commands, go there too on a terminal, dimmed; otherwise
// to standard error. Without a terminal a line that fails makes the exit code 1, and the others are still answered.
#pragma once
#include "chat/chat_template.h"
#include "cli/chat_context.h"
#include "cli/conversation.h"
#include "cli/editor/word_wrap.h"
#include "cli/line_reader.h"
#include "infer/engine.h"

#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct ChatSetup {
    std::string model;  // as it was named
    GenerateOptions options = {};
    std::string system = {};  // message; empty: none
    bool json = false;        // answers as JSON
};

std::filesystem::path last_conversation_file();  // in state_folder(); with each answer, on a terminal

class ChatSession {
 public:
    ChatSession(Engine& engine, const ChatTemplate& chat, ChatSetup setup);

    int run();  // returns the exit code

 private:
    struct Command {
        std::string_view name, argument,
            about;  // argument: FILE, or [TEXT] that may be missing; about: empty: an alias
        void (ChatSession::*run)(const std::string& argument);
    };
    static const Command commands[];

    // chat_session.cpp
    void greet();
    Line read(const MessageLines& lines);
    void handle(const std::string& message, bool is_command);
    void answer(std::string message);
    void answer_last(std::vector<Message> messages);  // a conversation that ends with the user's message
    Answer generate(std::span<const Message> messages);
    void close(const Answer& answer);
    void warn_about_context(const Answer& answer);
    void keep_conversation() const;
    [[noreturn]] void fail_too_long(std::span<const Message> messages) const;
    int64_t count_tokens(std::span<const Message> messages, bool with_header) const;
    ContextUse context_use() const;
    void print_answer(std::string_view text, WordWrap& wrap);
    void note(std::string_view text);
    void note(std::string_view term, std::string_view text);  // in two columns
    void report_error(std::string_view text);
    std::string wrapped(std::string_view text, int indent = 0) const;  // indent: of the lines after the first

    // chat_commands.cpp
    void run_command(std::string_view line);
    TabCompletion complete(std::string_view text) const;
    void show_turn(const Turn& turn);
    void help(const std::string&);
    void retry(const std::string&);
    void undo(const std::string&);
    void trim(const std::string& share);
    void reset(const std::string&);
    void system(const std::string& text);
    void set(const std::string& assignment);
    void info(const std::string&);
    void save(const std::string& named);
    void load(const std::string& named);
    void exit(const std::string&) { exiting_ = true; }

    Engine& engine_;
    const ChatTemplate& template_;
    ChatSetup setup_;
    Conversation conversation_;
    std::set<std::string> files_;  // that it was saved to or loaded from
    LineReader reader_;
    bool terminal_, ansi_;
    bool begins_message_ = true;  // the next line, which may be a command
    bool printed_ = false;        // since the last prompt
    bool exiting_ = false, failed_ = false;
    int64_t retries_ = 0;                        // of the last message
    int64_t answers_ = 0, answered_tokens_ = 0;  // so far
    ContextLevel warned_ = ContextLevel::roomy;
};

}  // namespace puna
