#include "cli/chat_session.h"

#include "chat/encode.h"
#include "cli/answer.h"
#include "cli/terminal.h"
#include "cli/terminal_mode.h"
#include "core/atomic_file.h"
#include "core/console.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/utf8.h"
#include "data/text_kind.h"
#include "model/weights.h"
#include "train/card.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace puna {

namespace {

constexpr int term_columns = 23;

// A pipe may hold something else than text. A line of another encoding is kept as it is; a wrong file ends the chat.
void check_piped(std::string& line, int64_t number) {
    if (number == 1) reject_other_formats(line, "standard input");
    if (number == 1) line = std::string(without_byte_order_mark(line));
    if (Utf8Errors errors = find_utf8_errors(line); errors.count > 0)
        warn_about_invalid_utf8(fmt::format("standard input:{}", number), errors.first);
}

}  // namespace

std::filesystem::path last_conversation_file() { return state_folder() / "conversation.json"; }

ChatSession::ChatSession(Engine& engine, const ChatTemplate& chat, ChatSetup setup)
    : engine_(engine),
      template_(chat),
      setup_(std::move(setup)),
      conversation_{.messages = {}, .options = setup_.options},
      reader_(history_file(), [this](std::string_view text) { return complete(text); }),
      terminal_(is_terminal()),
      ansi_(terminal_ && is_ansi_terminal(STDOUT_FILENO)) {
    conversation_.set_system(setup_.system);
}

// On an ANSI terminal lines end between words.
std::string ChatSession::wrapped(std::string_view text, int indent) const {
    if (!ansi_) return std::string(text);
    std::string lines = WordWrap(reader_.widths()).add(text, terminal_size().columns - indent), out;
    for (char c : lines) out += c == '\n' ? "\n" + std::string(static_cast<size_t>(indent), ' ') : std::string(1, c);
    return out;
}

void ChatSession::note(std::string_view text) {
    printed_ = true;
    if (terminal_) {
        print_now(dimmed(wrapped(without_controls(text))) + "\n");
    } else {
        print_status("{}\n", text);
    }
}

void ChatSession::note(std::string_view term, std::string_view text) {
    std::string begin = fmt::format("{:<{}}", term, term_columns);
    if (!ansi_) return note(begin + std::string(text));
    printed_ = true;
    print_now(dimmed(begin + wrapped(without_controls(text), term_columns)) + "\n");
}

// On a terminal, for /load. One that cannot be kept is no reason to interrupt the chat.
void ChatSession::keep_conversation() const {
    if (!terminal_ || state_folder().empty()) return;
    mode_t before = ::umask(077);  // readable by its owner only; no other thread creates files
    try {
        make_folder(state_folder());
        write_file(last_conversation_file(), conversation_json(conversation_));
    } catch (const Error&) {
    }
    ::umask(before);
}

// Errors are printed at once; without a terminal they also make the exit code 1.
void ChatSession::report_error(std::string_view text) {
    failed_ = failed_ || !terminal_;
    printed_ = true;
    print_status("{}\n", wrapped(fmt::format("puna: {}", text)));
}

void ChatSession::print_answer(std::string_view text, WordWrap& wrap) {
    printed_ = true;
    std::string safe = terminal_ ? without_controls(text) : std::string(text);
    print_now(ansi_ ? wrap.add(safe, terminal_size().columns) : safe);
}

int64_t ChatSession::count_tokens(std::span<const Message> messages, bool with_header) const {
    return std::ssize(
        encode_chat(template_, engine_.tokenizer(), messages, {.add_generation_prompt = with_header}).ids);
}

ContextUse ChatSession::context_use() const {
    int64_t used = conversation_.messages.empty() ? 0 : count_tokens(conversation_.messages, false);
    return {used, engine_.context(), max_context(engine_.config()), conversation_.turns()};
}

// messages: the conversation and the message that has no room.
void ChatSession::fail_too_long(std::span<const Message> messages) const {
    Conversation with{.messages = {messages.begin(), messages.end()}};
    PromptSizes prompt{.after_all = count_tokens(with.messages, true)};
    size_t before = with.turns() - 1;
    with.remove_oldest_turns(before - std::min<size_t>(before, 1));
    prompt.after_last = count_tokens(with.messages, true);
    with.remove_oldest_turns(std::min<size_t>(before, 1));
    prompt.alone = count_tokens(with.messages, true);
    fail(ErrorKind::too_large, "{}", message_too_long(context_use(), prompt));
}

// An answer that has less room than max_tokens ends with the context.
Answer ChatSession::generate(std::span<const Message> messages) {
    ChatTokens prompt = encode_chat(template_, engine_.tokenizer(), messages, {.add_generation_prompt = true});
    int64_t room = engine_.context() - std::ssize(prompt.ids);
    if (room <= 0) fail_too_long(messages);
    Request request{.tokens = std::move(prompt.ids), .options = conversation_.options};
    if (request.options.max_tokens > room) request.options.max_tokens = 0;
    if (std::optional<int64_t>& seed = request.options.sample.seed) seed = seed_after(*seed, retries_);
    WordWrap wrap(reader_.widths());
    return engine_.generate(std::move(request), [&](std::string_view text) {
        if (!setup_.json && !text.empty()) print_answer(text, wrap);
        return !interrupted();
    });
}

void ChatSession::close(const Answer& answer) {
    print_now(setup_.json ? answer_json(answer) + "\n" : "\n");
    printed_ = true;
    ++answers_;
    answered_tokens_ += std::ssize(answer.ids);
    if (answer.finish == Finish::length)
        note(fmt::format("[stopped: reached --max-tokens {}]", std::ssize(answer.ids)));
    if (answer.finish == Finish::canceled) {
        note("[stopped: Ctrl-C]");
        reader_.discard_typed();
    }
    if (terminal_ && !setup_.json) note(speed_line(answer));
    warn_about_context(answer);
}

// Once at each level, until there is more room again.
void ChatSession::warn_about_context(const Answer& answer) {
    ContextUse use{answer.prompt_tokens + std::ssize(answer.ids), engine_.context(), max_context(engine_.config()),
                   conversation_.turns()};
    ContextLevel level = context_level(use, answered_tokens_ / answers_);
    if (answer.finish == Finish::context)
        note(stopped_by_context(use));
    else if (level > warned_)
        note(context_warning(use));
    warned_ = level;
}

void ChatSession::answer(std::string message) {
    if (message.find('\0') != message.npos) fail("the message contains a zero byte: convert it to UTF-8 (iconv)");
    std::vector<Message> messages = conversation_.messages;
    messages.push_back({.role = "user", .content = std::move(message)});
    answer_last(std::move(messages));
}

// What cannot be answered does not change the conversation.
void ChatSession::answer_last(std::vector<Message> messages) {
    Answer reply = generate(messages);
    messages.push_back({.role = "assistant", .content = reply.text});
    conversation_.messages = std::move(messages);
    close(reply);
    keep_conversation();
}

void ChatSession::greet() {
    std::string name = public_name(setup_.model);
    std::string size = format_quantity(static_cast<double>(parameter_count(engine_.config())), "");
    print_now(wrapped(fmt::format("{}: {} parameters, context of {} (puna {})", name, size,
                                  format_count(engine_.context(), "token"), PUNA_VERSION)) +
              "\n");
    note("/help lists the commands");
}

// A blank line separates what was printed from the next prompt.
Line ChatSession::read(const MessageLines& lines) {
    begins_message_ = lines.empty();
    if (terminal_ && std::exchange(printed_, false)) print_now("\n");
    return reader_.read(begins_message_ ? "> " : ". ");
}

void ChatSession::handle(const std::string& message, bool is_command) {
    try {
        if (!is_command) retries_ = 0;
        is_command ? run_command(message) : answer(message);
    } catch (const Error& problem) {
        if (problem.kind == ErrorKind::output || problem.kind == ErrorKind::closed) throw;
        report_error(problem.what());
    }
}

int ChatSession::run() {
    MessageLines lines;
    int64_t lines_read = 0;
    if (terminal_) {
        note_interrupts();
        greet();
    }
    while (!exiting_) {
        Line line = read(lines);
        if (line.kind == Line::interrupted) {
            if (lines.empty() && line.content.empty()) note("Ctrl-D or /exit leaves");
            lines.take();
            continue;
        }
        if (!terminal_) check_piped(line.content, ++lines_read);
        bool unfinished = !terminal_ && line.kind == Line::end && !lines.empty();  // end of input completes a message
        if (line.kind == Line::end && !unfinished) break;
        if (!unfinished && !lines.add(line.content)) continue;
        bool is_command = lines.is_plain() && line.content.starts_with('/');
        std::string message = lines.take();
        if (!is_blank(message)) handle(message, is_command);
    }
    return failed_ ? 1 : 0;
}

}  // namespace puna
