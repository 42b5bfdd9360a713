#include "cli/line_reader.h"

#include "cli/terminal.h"
#include "cli/terminal_mode.h"
#include "core/console.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <utility>

namespace puna {

namespace {

constexpr std::chrono::milliseconds report_timeout{500};  // a terminal that takes longer to answer is not asked again

}  // namespace

std::filesystem::path state_folder() {
    const char *state = std::getenv("XDG_STATE_HOME"), *home = std::getenv("HOME");
    if (state && *state == '/') return std::filesystem::path(state) / "puna";
    if (home && *home == '/') return std::filesystem::path(home) / ".local/state/puna";
    return {};
}

std::filesystem::path history_file() { return state_folder().empty() ? "" : state_folder() / "history"; }

// At the terminal.
struct LineReader::Typist {
    using Event = TerminalMode::Event;

    TerminalMode terminal;
    History history;
    LineEditor editor;
    KeyDecoder keys;
    std::deque<Key> ahead;  // typed for the next line
    std::string typed;      // where the system edits lines: the bytes that were read

    Typist(std::filesystem::path file, Completer complete, ClusterWidths& widths)
        : history(std::move(file)),
          editor(history, widths,
                 {.complete = std::move(complete),
                  .display = {.bold = supports_escapes(STDOUT_FILENO), .measures = true}}) {}

    std::optional<Key> next_key() {
        if (ahead.empty()) return keys.next();
        Key key = std::move(ahead.front());
        ahead.pop_front();
        return key;
    }

    Line read(const std::string& prompt) {
        terminal.set(TerminalMode::typing);
        Line line = terminal.is_ansi() ? edit(prompt) : read_plain(prompt);
        terminal.set(TerminalMode::answering);
        if (line.content.find_first_not_of(" \t\n") != std::string::npos && line.kind == Line::text)
            history.add(line.content);
        return line;
    }

    Line edit(const std::string& prompt) {
        print_now(editor.start(prompt, terminal_size()));
        while (handle_keys())
            if (!handle(wait())) return {Line::end, {}};
        await_reports();
        switch (editor.state()) {
            case LineEditor::State::interrupted:
                return {Line::interrupted, editor.text()};
            case LineEditor::State::end_of_input:
                return {Line::end, {}};
            default:
                return {Line::text, editor.text()};
        }
    }

    // Returns whether the text is still being edited.
    bool handle_keys() {
        using State = LineEditor::State;
        while (editor.state() == State::editing) {
            std::optional<Key> key = next_key();
            if (!key) return true;
            print_now(editor.handle(*key));
        }
        if (editor.state() == State::suspended) terminal.suspend();
        return editor.state() == State::suspended;
    }

    Event wait() { return editor.display().awaits_reports() ? terminal.wait(report_timeout) : terminal.wait(); }

    // Returns false at the end of the input.
    bool handle(Event event) {
        switch (event) {
            case Event::resized:
                print_now(editor.resize(terminal_size()));
                return true;
            case Event::resumed:
                print_now(editor.resume());
                return true;
            case Event::timeout:
                print_now(editor.stop_measuring());
                return true;
            default:
                break;
        }
        std::string bytes = terminal.read();
        keys.feed(bytes);
        return !bytes.empty();
    }

    // Or the answers would be taken for keys of the shell, when the program ends.
    void await_reports() {
        while (editor.display().awaits_reports()) {
            if (wait() != Event::input) return editor.forget_reports();
            keys.feed(terminal.read());
            while (std::optional<Key> key = keys.next())
                key->name == Key::cursor_report ? editor.note_report(*key) : ahead.push_back(std::move(*key));
        }
    }

    Line read_plain(const std::string& prompt) {
        print_now(prompt);
        while (typed.find('\n') == typed.npos) {
            Event event = terminal.wait();
            if (event == Event::interrupted) {
                print_now("\n");
                typed.clear();
                return {Line::interrupted, {}};
            }
            if (event != Event::input) continue;
            std::string bytes = terminal.read();
            if (bytes.empty()) {
                print_now("\n");  // the next output begins on its own line
                return {Line::end, {}};
            }
            typed += bytes;
        }
        size_t end = typed.find('\n');
        Line line{Line::text, typed.substr(0, end)};
        typed.erase(0, end + 1);
        return line;
    }
};

LineReader::LineReader(std::filesystem::path history, Completer complete) {
    if (is_terminal()) typist_ = std::make_unique<Typist>(std::move(history), std::move(complete), widths_);
}

LineReader::~LineReader() = default;

Line LineReader::read(const std::string& prompt) {
    forget_interrupt();
    if (typist_) return typist_->read(prompt);
    std::string content;
    if (!std::getline(std::cin, content)) return {Line::end, {}};
    if (content.ends_with('\r')) content.pop_back();  // Windows line ends
    return {Line::text, std::move(content)};
}

void LineReader::discard_typed() {
    if (!typist_) return;
    typist_->terminal.discard_typed();
    typist_->ahead.clear();
    typist_->keys = {};
    typist_->typed.clear();
}

bool MessageLines::add(std::string_view line) {
    constexpr std::string_view quotes = "\"\"\"";
    bool first = !open_;
    open_ = true;
    plain_ = false;
    bool pasted = line.find('\n') != line.npos;
    if (first && !pasted && line.starts_with(quotes)) {
        block_ = true;
        line.remove_prefix(quotes.size());
    }
    std::string_view mark = block_ ? quotes : "\\";
    bool marked = !pasted && line.ends_with(mark);
    if (marked) line.remove_suffix(mark.size());
    text_ += line;
    bool complete = block_ == marked;  // a mark ends a block, but continues anything else
    if (!complete && !(block_ && text_.empty() && first)) text_ += '\n';
    plain_ = complete && first && !block_ && !pasted;
    return complete;
}

std::string MessageLines::take() {
    open_ = block_ = plain_ = false;
    return std::exchange(text_, {});
}

}  // namespace puna
